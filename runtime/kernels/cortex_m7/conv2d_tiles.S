// SPDX-License-Identifier: Apache-2.0
//
// See conv2d_tiles.h. OcellusM7MultiplyPairs: GCC keeps neither the eight sums
// in registers nor the loads in pairs.
//
//   r0 pixels   r1 weights    r2 weights as they are: 256 * second + first
//   r12, r14    pixels        r3 their first channel alone
//   r4-r7  A of four pixels, sums of x * (256 * second + first)
//   r8-r11 B of four pixels, sums of x * first
//   s0 end of weights   s1 weights   s2 where the unrolled loop is entered
//   s3 output   s4 output_c   s5, s6 bias   s7, s8 scale   s9 zero point
//   s10 end of pixels
    .syntax unified
    .cpu cortex-m7
    .fpu fpv5-d16
    .thumb

    .equ UNROLLED, 16
    .equ STEP_BYTES, 48

// Two values along depth, of four pixels, for both channels: 16 products.
// The sums start from \b0 to \b3. 12 instructions of 4 bytes.
.macro STEP a0=r4, a1=r5, a2=r6, a3=r7, b0=r8, b1=r9, b2=r10, b3=r11
    ldrd r12, r14, [r0], #8
    ldr r2, [r1], #4
    sxtb16 r3, r2
    smlad r4, r2, r12, \a0
    smlad r5, r2, r14, \a1
    smlad r8, r3, r12, \b0
    smlad r9, r3, r14, \b1
    ldrd r12, r14, [r0], #8
    smlad r6, r2, r12, \a2
    smlad r7, r2, r14, \a3
    smlad r10, r3, r12, \b2
    smlad r11, r3, r14, \b3
.endm

// Four sums to integers at the output's scale, in place.
.macro SCALE w, x, y, z, scale
    vmov s12, s13, \w, \x
    vmov s14, s15, \y, \z
    vcvt.f32.s32 s12, s12
    vcvt.f32.s32 s13, s13
    vcvt.f32.s32 s14, s14
    vcvt.f32.s32 s15, s15
    vmul.f32 s12, s12, \scale
    vmul.f32 s13, s13, \scale
    vmul.f32 s14, s14, \scale
    vmul.f32 s15, s15, \scale
    vcvtn.s32.f32 s12, s12
    vcvtn.s32.f32 s13, s13
    vcvtn.s32.f32 s14, s14
    vcvtn.s32.f32 s15, s15
    vmov \w, \x, s12, s13
    vmov \y, \z, s14, s15
.endm

// Both channels of one pixel to two bytes in \b.
.macro NARROW a, b, below128
.if \below128
    usat \a, #8, \a
    usat \b, #8, \b
    orr \b, \b, \a, lsl #8
    eor \b, \b, r2
.else
    qadd \a, \a, r2
    qadd \b, \b, r2
    ssat \a, #8, \a
    ssat \b, #8, \b
    bfi \b, \a, #8, #8
.endif
.endm

.macro MULTIPLY_PAIRS name, below128
    .section .text.\name, "ax"
    .balign 8
    .global \name
    .type \name, %function
    .thumb_func
\name:
    push {r4-r11, lr}
    ldrd r3, r4, [r2]           // depth_pairs, tiles
    ldrd r5, r6, [r2, #8]       // output, output_c
    vldr s5, [r2, #16]
    vldr s6, [r2, #20]
    vldr s7, [r2, #24]
    vldr s8, [r2, #28]
    vldr s9, [r2, #32]
    vmov s3, s4, r5, r6
    add r7, r1, r3, lsl #2
    vmov s0, s1, r7, r1
    mul r4, r4, r3              // 16 bytes of pixels for each of depth_pairs
    add r4, r0, r4, lsl #4
    vmov s10, r4
    // The first step stands before the loop, which is entered so far in that
    // ((depth_pairs - 2) mod UNROLLED) + 1 steps are left to its end.
    subs r3, r3, #2
    and r3, r3, #(UNROLLED - 1)
    adds r3, r3, #1
    mov r4, #STEP_BYTES
    mul r3, r3, r4
    adr.w r4, 3f
    sub r4, r4, r3
    orr r4, r4, #1
    vmov s2, r4
1:  vmov r11, s5
    vmov r1, s1
    STEP r11, r11, r11, r11, r11, r11, r11, r11
    vmov r2, s2
    bx r2
    .balign 4
2:
.rept UNROLLED
    STEP
.endr
3:  vmov r2, s0
    cmp r1, r2
    bne 2b

    // The second channel's sums.
    vmov r2, s6
    sub r4, r4, r8
    sub r5, r5, r9
    sub r6, r6, r10
    sub r7, r7, r11
    add r4, r2, r4, asr #8
    add r5, r2, r5, asr #8
    add r6, r2, r6, asr #8
    add r7, r2, r7, asr #8
    SCALE r8, r9, r10, r11, s7
    SCALE r4, r5, r6, r7, s8
.if \below128
    mov r2, #0x8080
.else
    vmov r2, s9
.endif
    NARROW r4, r8, \below128
    NARROW r5, r9, \below128
    NARROW r6, r10, \below128
    NARROW r7, r11, \below128
    vmov r12, r14, s3, s4
    strh r8, [r12]
    strh r9, [r12, r14]
    add r12, r12, r14, lsl #1
    strh r10, [r12]
    strh r11, [r12, r14]
    add r12, r12, r14, lsl #1
    vmov s3, r12
    vmov r2, s10
    cmp r0, r2
    bne 1b
    pop {r4-r11, pc}
    .size \name, . - \name
.endm

// OcellusM7WidenTile: r0-r3 pixels, r4 out, r5 addends, r6 groups left.
    .section .text.OcellusM7WidenTile, "ax"
    .balign 8
    .global OcellusM7WidenTile
    .type OcellusM7WidenTile, %function
    .thumb_func
OcellusM7WidenTile:
    push {r4-r11, lr}
    mov r6, r2
    mov r4, r3
    ldr r5, [sp, #36]
    mov r7, r1
    add r1, r0, r7
    add r2, r1, r7
    add r3, r2, r7
1:  ldr r7, [r0], #4
    ldr r8, [r1], #4
    ldr r9, [r2], #4
    ldr r10, [r3], #4
    sxtab16 r11, r5, r7
    sxtab16 r12, r5, r8
    strd r11, r12, [r4], #8
    sxtab16 r11, r5, r9
    sxtab16 r12, r5, r10
    strd r11, r12, [r4], #8
    sxtab16 r7, r5, r7, ror #8
    sxtab16 r8, r5, r8, ror #8
    strd r7, r8, [r4], #8
    sxtab16 r9, r5, r9, ror #8
    sxtab16 r10, r5, r10, ror #8
    strd r9, r10, [r4], #8
    subs r6, r6, #1
    bne 1b
    pop {r4-r11, pc}
    .size OcellusM7WidenTile, . - OcellusM7WidenTile

    MULTIPLY_PAIRS OcellusM7MultiplyPairs, 0
    MULTIPLY_PAIRS OcellusM7MultiplyPairsBelow128, 1
