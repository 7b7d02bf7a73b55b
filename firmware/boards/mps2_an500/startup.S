// SPDX-License-Identifier: Apache-2.0
//
// Vectors and the first instructions. No C++ runs before the FPU is on: the
// compiler may use its registers anywhere.
    .syntax unified
    .cpu cortex-m7
    .fpu fpv5-d16
    .thumb

    .equ SCB_VTOR,  0xE000ED08
    .equ SCB_CPACR, 0xE000ED88
    .equ CP10_CP11_FULL_ACCESS, 0xF << 20

    .section .vectors, "a"
    .word stack_top
    .word Reset
    .rept 14                    // NMI, faults, SVC, PendSV, SysTick
    .word Fault
    .endr
    .rept 32                    // no interrupt is enabled
    .word Fault
    .endr

    .section .text.Reset, "ax"
    .global Reset
    .type Reset, %function
    .thumb_func
Reset:
    ldr r0, =SCB_CPACR
    ldr r1, [r0]
    orr r1, r1, #CP10_CP11_FULL_ACCESS
    str r1, [r0]
    dsb
    isb
    ldr r0, =SCB_VTOR
    ldr r1, =flash_begin
    str r1, [r0]

    ldr r0, =data_begin
    ldr r1, =data_end
    ldr r2, =data_load
1:  cmp r0, r1
    beq 2f
    ldr r3, [r2], #4
    str r3, [r0], #4
    b 1b
2:  ldr r0, =bss_begin
    ldr r1, =bss_end
    movs r3, #0
3:  cmp r0, r1
    beq 4f
    str r3, [r0], #4
    b 3b
    // The whole stack is painted: what remains is what was never used.
4:  ldr r0, =stack_bottom
    ldr r1, =stack_top
    ldr r3, =0x5AC3A57E
5:  str r3, [r0], #4
    cmp r0, r1
    bne 5b

    bl BoardMain
6:  b 6b
    .size Reset, . - Reset

// On a stack of its own, for the fault may be that of the stack.
    .section .text.Fault, "ax"
    .type Fault, %function
    .thumb_func
Fault:
    mov r0, sp
    ldr sp, =fault_stack_top
    mrs r1, ipsr
    bl BoardFault
    b .
    .size Fault, . - Fault
