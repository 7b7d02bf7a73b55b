// SPDX-License-Identifier: Apache-2.0
#include "firmware/stm32h7/timer_clock.h"

#include "firmware/stm32h7/registers.h"

namespace ocellus::stm32h7 {

void StartTimerClock(uint32_t timer_base, uint32_t channel, uint32_t apb_hz,
                     uint32_t hz) {
  if (timer_base == kTim1Base) {
    RCC_APB2ENR.Set(RCC_APB2ENR_TIM1EN);
    RCC_APB2ENR.Read();
  } else {
    RCC_APB1LENR.Set(RCC_APB1LENR_TIM3EN);
    RCC_APB1LENR.Read();
  }
  const uint32_t period = 2 * apb_hz / hz;
  TIM_PSC(timer_base).Write(0);
  TIM_ARR(timer_base).Write(period - 1);
  TIM_CCR(timer_base, channel).Write(period / 2);
  // Channels 1 and 2: PWM mode 1 (6 in bits 6:4 of the channel's byte).
  TIM_CCMR1(timer_base).Write(6u << 4 << 8 * (channel - 1));
  TIM_CCER(timer_base).Write(1u << 4 * (channel - 1));
  if (timer_base == kTim1Base) TIM_BDTR(timer_base).Write(TIM_BDTR_MOE);
  TIM_CR1(timer_base).Write(TIM_CR1_CEN);
}

}  // namespace ocellus::stm32h7
