// SPDX-License-Identifier: Apache-2.0
#include "firmware/stm32h7/temperature.h"

#include "firmware/stm32h7/core.h"
#include "firmware/stm32h7/registers.h"

namespace ocellus::stm32h7 {
namespace {

constexpr uint32_t kChannel = 18;       // of ADC3: the temperature sensor
constexpr uint32_t kLongestSample = 7;  // 810.5 cycles; the sensor needs 9 us

}  // namespace

void StartTemperature() {
  RCC_AHB4ENR.Set(RCC_AHB4ENR_ADC3EN);
  RCC_AHB4ENR.Read();
  ADC3_CCR.Write(ADC_CCR_PRESC_DIV8 | ADC_CCR_VSENSEEN);
  ADC3_CR.Write(ADC_CR_ADVREGEN);  // and out of deep power-down
  SpinUntil([] { return ADC3_ISR.Has(ADC_ISR_LDORDY); }, 10'000);
  DelayMicroseconds(30);  // the sensor's start; older parts have no LDORDY
  ADC3_CR.Set(ADC_CR_ADCAL);
  SpinUntil([] { return !ADC3_CR.Has(ADC_CR_ADCAL); });
  ADC3_ISR.Write(ADC_ISR_ADRDY);
  ADC3_CR.Set(ADC_CR_ADEN);
  SpinUntil([] { return ADC3_ISR.Has(ADC_ISR_ADRDY); });
  ADC3_CFGR.Write(0);  // 16 bits, one conversion at a time
  ADC3_PCSEL.Write(Bit(kChannel));
  ADC3_SMPR2.Write(kLongestSample << 3 * (kChannel - 10));
  ADC3_SQR1.Write(kChannel << 6);  // a sequence of this channel alone
}

float ReadTemperature() {
  ADC3_CR.Set(ADC_CR_ADSTART);
  if (!SpinUntil([] { return ADC3_ISR.Has(ADC_ISR_EOC); })) return -300.0f;
  const auto reading = static_cast<float>(ADC3_DR.Read() & 0xFFFF);
  const auto at_30 = static_cast<float>(TS_CAL1.Read() & 0xFFFF);
  const auto at_110 = static_cast<float>(TS_CAL2.Read() & 0xFFFF);
  if (at_110 == at_30) return -300.0f;
  return 30.0f + (reading - at_30) * 80.0f / (at_110 - at_30);
}

}  // namespace ocellus::stm32h7
