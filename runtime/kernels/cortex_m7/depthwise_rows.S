// SPDX-License-Identifier: Apache-2.0
//
// OcellusM7DepthwiseRows*, see depthwise_rows.h. GCC spills most of this.
//
//   r0 plane   r1 weights   r2 bytes between rows of the plane
//   r4-r7 sums of four outputs   r8-r12 values   r3, r14 weights
//   s0 plane of the tile   s1 weights   s2 bias   s3 output   s4 output_c
//   s5 scale   s6 zero point   s7 end of the row's tiles in the plane
//   s8 plane of the row   s9 output of the row   s10 output_pitch
//   s11 rows left
    .syntax unified
    .cpu cortex-m7
    .fpu fpv5-d16
    .thumb

// One row of the kernel over one row of the plane, added to the four sums. At
// stride 1, an output at an even column starts at the low half of a word: it
// takes the words of even taps and, of the last odd word, the high half alone.
// One at an odd column starts at a high half.
.macro ROW_3_1
    ldrd r8, r9, [r0]
    ldr r10, [r0, #8]
    ldrd r3, r14, [r1], #8      // (0, 1), (1, 2)
    smlad r4, r8, r3, r4
    smlatb r5, r8, r3, r5
    smlad r6, r9, r3, r6
    smlatb r7, r9, r3, r7
    add r0, r0, r2
    smlabt r4, r9, r14, r4
    smlad r5, r9, r14, r5
    smlabt r6, r10, r14, r6
    smlad r7, r10, r14, r7
.endm

.macro ROW_5_1
    ldrd r8, r9, [r0]
    ldrd r10, r11, [r0, #8]
    ldrd r3, r14, [r1], #8      // (0, 1), (2, 3)
    smlad r4, r8, r3, r4
    smlatb r5, r8, r3, r5
    smlad r6, r9, r3, r6
    smlatb r7, r9, r3, r7
    add r0, r0, r2
    smlad r4, r9, r14, r4
    smlad r6, r10, r14, r6
    ldrd r3, r14, [r1], #8      // (1, 2), (3, 4)
    smlad r5, r9, r3, r5
    smlad r7, r10, r3, r7
    smlabt r4, r10, r14, r4
    smlad r5, r10, r14, r5
    smlabt r6, r11, r14, r6
    smlad r7, r11, r14, r7
.endm

.macro ROW_7_1
    ldrd r8, r9, [r0]
    ldrd r10, r11, [r0, #8]
    ldrd r3, r14, [r1], #8      // (0, 1), (2, 3)
    smlad r4, r8, r3, r4
    smlatb r5, r8, r3, r5
    smlad r6, r9, r3, r6
    smlatb r7, r9, r3, r7
    ldr r12, [r0, #16]
    smlad r4, r9, r14, r4
    smlad r6, r10, r14, r6
    ldrd r3, r14, [r1], #8      // (4, 5), (1, 2)
    smlad r4, r10, r3, r4
    smlad r6, r11, r3, r6
    smlad r5, r9, r14, r5
    smlad r7, r10, r14, r7
    ldrd r3, r14, [r1], #8      // (3, 4), (5, 6)
    add r0, r0, r2
    smlad r5, r10, r3, r5
    smlad r7, r11, r3, r7
    smlabt r4, r11, r14, r4
    smlad r5, r11, r14, r5
    smlabt r6, r12, r14, r6
    smlad r7, r12, r14, r7
.endm

// At stride 2 every output starts at the low half of a word.
.macro ROW_3_2
    ldrd r8, r9, [r0]
    ldrd r10, r11, [r0, #8]
    ldrd r3, r14, [r1], #8      // (0, 1), (2, -)
    ldr r12, [r0, #16]
    smlad r4, r8, r3, r4
    smlad r5, r9, r3, r5
    smlad r6, r10, r3, r6
    smlad r7, r11, r3, r7
    add r0, r0, r2
    smlabb r4, r9, r14, r4
    smlabb r5, r10, r14, r5
    smlabb r6, r11, r14, r6
    smlabb r7, r12, r14, r7
.endm

.macro ROW_5_2
    ldrd r3, r14, [r1], #8      // (0, 1), (2, 3)
    ldr r12, [r1], #4           // (4, -)
    ldrd r8, r9, [r0]
    ldrd r10, r11, [r0, #8]
    smlad r4, r8, r3, r4
    smlad r5, r9, r3, r5
    smlad r6, r10, r3, r6
    smlad r7, r11, r3, r7
    smlad r4, r9, r14, r4
    smlad r5, r10, r14, r5
    ldrd r8, r9, [r0, #16]
    smlad r6, r11, r14, r6
    smlabb r4, r10, r12, r4
    smlabb r5, r11, r12, r5
    add r0, r0, r2
    smlad r7, r8, r14, r7
    smlabb r6, r8, r12, r6
    smlabb r7, r9, r12, r7
.endm

.macro ROW_7_2
    ldrd r3, r14, [r1], #8      // (0, 1), (2, 3)
    ldrd r12, r11, [r1], #8     // (4, 5), (6, -)
    ldrd r8, r9, [r0]
    smlad r4, r8, r3, r4
    smlad r5, r9, r3, r5
    smlad r4, r9, r14, r4
    ldrd r8, r9, [r0, #8]
    smlad r6, r8, r3, r6
    smlad r5, r8, r14, r5
    smlad r4, r8, r12, r4
    smlad r7, r9, r3, r7
    smlad r6, r9, r14, r6
    smlad r5, r9, r12, r5
    smlabb r4, r9, r11, r4
    ldrd r8, r9, [r0, #16]
    ldr r10, [r0, #24]
    add r0, r0, r2
    smlad r7, r8, r14, r7
    smlad r6, r8, r12, r6
    smlabb r5, r8, r11, r5
    smlad r7, r9, r12, r7
    smlabb r6, r9, r11, r6
    smlabb r7, r10, r11, r7
.endm

.macro DEPTHWISE_ROWS k, s
    .section .text.OcellusM7DepthwiseRows\k\()x\k\()s\s, "ax"
    .balign 8
    .global OcellusM7DepthwiseRows\k\()x\k\()s\s
    .type OcellusM7DepthwiseRows\k\()x\k\()s\s, %function
    .thumb_func
OcellusM7DepthwiseRows\k\()x\k\()s\s:
    push {r4-r11, lr}
    vmov s0, s1, r0, r1
    vmov s8, r0
    ldrd r4, r5, [r2]           // rows, tiles
    vmov s11, r4
    add r5, r0, r5, lsl #(2 + \s)
    vmov s7, r5
    ldrd r6, r7, [r2, #12]      // output_c, output_pitch
    vmov s4, r6
    vmov s10, r7
    ldr r6, [r2, #20]           // output
    vmov s3, r6
    vmov s9, r6
    vldr s2, [r2, #24]
    vldr s5, [r2, #28]
    vldr s6, [r2, #32]
    ldr r2, [r2, #8]            // plane_pitch
1:  vmov r4, s2
    mov r5, r4
    mov r6, r4
    mov r7, r4
.rept \k
    ROW_\k\()_\s
.endr
    vmov s12, s13, r4, r5
    vmov s14, s15, r6, r7
    vcvt.f32.s32 s12, s12
    vcvt.f32.s32 s13, s13
    vcvt.f32.s32 s14, s14
    vcvt.f32.s32 s15, s15
    vmul.f32 s12, s12, s5
    vmul.f32 s13, s13, s5
    vmul.f32 s14, s14, s5
    vmul.f32 s15, s15, s5
    vcvtn.s32.f32 s12, s12
    vcvtn.s32.f32 s13, s13
    vcvtn.s32.f32 s14, s14
    vcvtn.s32.f32 s15, s15
    vmov r4, r5, s12, s13
    vmov r6, r7, s14, s15
    vmov r3, s6
    vmov r8, r9, s3, s4         // output, output_c
    qadd r4, r4, r3
    qadd r5, r5, r3
    qadd r6, r6, r3
    qadd r7, r7, r3
    ssat r4, #8, r4
    ssat r5, #8, r5
    ssat r6, #8, r6
    ssat r7, #8, r7
    strb r4, [r8]
    strb r5, [r8, r9]
    add r8, r8, r9, lsl #1
    strb r6, [r8]
    strb r7, [r8, r9]
    add r8, r8, r9, lsl #1
    vmov s3, r8
    vmov r0, r1, s0, s1
    vmov r3, s7
    add r0, r0, #(8 * \s)
    vmov s0, r0
    cmp r0, r3
    bne 1b
    // The next row.
    vmov r0, s8
    vmov r3, s9
    vmov r4, s10
    vmov r5, s11
.if \s == 1
    add r6, r2, #0
.else
    lsl r6, r2, #1
.endif
    add r0, r0, r6
    vmov r8, s7
    add r8, r8, r6
    vmov s7, r8
    add r3, r3, r4
    vmov s0, r0
    vmov s8, r0
    vmov s3, r3
    vmov s9, r3
    subs r5, r5, #1
    vmov s11, r5
    bne 1b
    pop {r4-r11, pc}
    .size OcellusM7DepthwiseRows\k\()x\k\()s\s, . - OcellusM7DepthwiseRows\k\()x\k\()s\s
.endm

    DEPTHWISE_ROWS 3, 1
    DEPTHWISE_ROWS 3, 2
    DEPTHWISE_ROWS 5, 1
    DEPTHWISE_ROWS 5, 2
    DEPTHWISE_ROWS 7, 1
    DEPTHWISE_ROWS 7, 2
