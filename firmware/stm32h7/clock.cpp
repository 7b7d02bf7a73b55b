// SPDX-License-Identifier: Apache-2.0
#include "firmware/stm32h7/clock.h"

#include "firmware/stm32h7/core.h"
#include "firmware/stm32h7/registers.h"

namespace ocellus::stm32h7 {
namespace {

constexpr uint32_t kHsiMhz = 64;

bool StartHse(const ClockSource& source) {
  if (source.hse_is_oscillator) RCC_CR.Set(RCC_CR_HSEBYP);
  RCC_CR.Set(RCC_CR_HSEON);
  return SpinUntil([] { return RCC_CR.Has(RCC_CR_HSERDY); });
}

// A boot loader may have left the PLL running.
void ReturnToHsi() {
  RCC_CR.Set(RCC_CR_HSION);
  SpinUntil([] { return RCC_CR.Has(RCC_CR_HSIRDY); });
  RCC_CFGR.Change(RCC_CFGR_SW, RCC_CFGR_SW_HSI);
  SpinUntil([] { return (RCC_CFGR.Read() & RCC_CFGR_SWS) == 0; });
  RCC_CR.Clear(RCC_CR_PLL1ON);
  SpinUntil([] { return !RCC_CR.Has(RCC_CR_PLL1RDY); });
}

// Supply from the LDO; VOS1, and for 480 MHz VOS0 on top (RM0433, 6.6.2).
void RaiseVoltage(bool overdrive) {
  PWR_CR3.Change(PWR_CR3_SCUEN | PWR_CR3_LDOEN | PWR_CR3_BYPASS, PWR_CR3_LDOEN);
  SpinUntil([] { return PWR_CSR1.Has(PWR_CSR1_ACTVOSRDY); });
  PWR_D3CR.Change(PWR_D3CR_VOS, PWR_D3CR_VOS_SCALE1);
  SpinUntil([] { return PWR_D3CR.Has(PWR_D3CR_VOSRDY); });
  RCC_APB4ENR.Set(RCC_APB4ENR_SYSCFGEN);
  RCC_APB4ENR.Read();  // the clock needs two cycles
  if (overdrive) {
    SYSCFG_PWRCR.Set(SYSCFG_PWRCR_ODEN);
    SpinUntil([] { return PWR_D3CR.Has(PWR_D3CR_VOSRDY); });
  }
}

// PLL1 from a reference of 4 or 5 MHz; P = cpu_mhz, the VCO at twice that.
void StartPll1(uint32_t source, uint32_t source_mhz, uint32_t cpu_mhz) {
  const uint32_t reference_mhz = source_mhz % 5 == 0 ? 5 : 4;
  const uint32_t m = source_mhz / reference_mhz;
  const uint32_t n = 2 * cpu_mhz / reference_mhz;
  RCC_PLLCKSELR.Change(RCC_PLLCKSELR_PLLSRC | RCC_PLLCKSELR_DIVM1,
                       source | m << 4);
  RCC_PLLCFGR.Change(RCC_PLLCFGR_PLL1,
                     RCC_PLLCFGR_PLL1RGE_4_8MHZ | RCC_PLLCFGR_DIVP1EN);
  constexpr uint32_t kDivideBy2 = 1;  // each field holds one less
  RCC_PLL1DIVR.Write((n - 1) | kDivideBy2 << 9 | kDivideBy2 << 16 |
                     kDivideBy2 << 24);
  RCC_CR.Set(RCC_CR_PLL1ON);
  SpinUntil([] { return RCC_CR.Has(RCC_CR_PLL1RDY); });
}

// Wait states for an AXI bus of 240 MHz at VOS0 or 200 MHz at VOS1 (RM0433,
// table "FLASH recommended number of wait states and programming delay").
void SlowFlash(bool overdrive) {
  const uint32_t wanted = (overdrive ? 4u : 2u) | 2u << 4;
  FLASH_ACR.Change(FLASH_ACR_LATENCY | FLASH_ACR_WRHIGHFREQ, wanted);
  SpinUntil([wanted] {
    return (FLASH_ACR.Read() & (FLASH_ACR_LATENCY | FLASH_ACR_WRHIGHFREQ)) ==
           wanted;
  });
}

}  // namespace

Clocks StartClocks(const ClockSource& source) {
  ReturnToHsi();
  // Older revisions of the part have no VOS0.
  const bool overdrive =
      source.highest_cpu_mhz >= 480 && DBGMCU_IDC.Read() >> 16 >= kRevisionV;
  const uint32_t cpu_mhz = overdrive ? 480 : 400;
  RaiseVoltage(overdrive);
  const bool has_hse = StartHse(source);
  if (has_hse) {
    StartPll1(RCC_PLLCKSELR_PLLSRC_HSE, source.hse_mhz, cpu_mhz);
  } else {
    StartPll1(RCC_PLLCKSELR_PLLSRC_HSI, kHsiMhz, cpu_mhz);
  }
  SlowFlash(overdrive);
  // Dividers first, then the faster clock.
  RCC_D1CFGR.Write(RCC_D1CFGR_HPRE_DIV2 | RCC_D1CFGR_D1PPRE_DIV2);
  RCC_D2CFGR.Write(RCC_D2CFGR_D2PPRE1_DIV2 | RCC_D2CFGR_D2PPRE2_DIV2);
  RCC_D3CFGR.Write(RCC_D3CFGR_D3PPRE_DIV2);
  RCC_CFGR.Change(RCC_CFGR_SW, RCC_CFGR_SW_PLL1);
  SpinUntil(
      [] { return (RCC_CFGR.Read() & RCC_CFGR_SWS) == RCC_CFGR_SW_PLL1 << 3; });
  // Kernel clocks that do not depend on all this.
  RCC_D1CCIPR.Clear(RCC_D1CCIPR_CKPERSEL);
  RCC_D2CCIP2R.Change(RCC_D2CCIP2R_I2C123SEL, RCC_D2CCIP2R_I2C123SEL_HSI);
  RCC_D3CCIPR.Change(RCC_D3CCIPR_ADCSEL, RCC_D3CCIPR_ADCSEL_PER);
  RCC_AHB2ENR.Set(RCC_AHB2ENR_SRAM123EN);
  RCC_AHB2ENR.Read();
  return {.cpu_hz = cpu_mhz * 1'000'000,
          .apb_hz = cpu_mhz * 250'000,
          .hse_failed = !has_hse};
}

void StartMco1At12Mhz() {
  RCC_CR.Set(RCC_CR_HSI48ON);
  SpinUntil([] { return RCC_CR.Has(RCC_CR_HSI48RDY); });
  RCC_CFGR.Change(RCC_CFGR_MCO1 | RCC_CFGR_MCO1PRE,
                  RCC_CFGR_MCO1_HSI48 | RCC_CFGR_MCO1PRE_DIV4);
}

const char* TakeResetCause() {
  const uint32_t cause = RCC_RSR.Read();
  RCC_RSR.Set(RCC_RSR_RMVF);
  if ((cause & RCC_RSR_IWDG1RSTF) != 0) return "watchdog";
  if ((cause & RCC_RSR_SFTRSTF) != 0) return "software";
  if ((cause & (RCC_RSR_PORRSTF | RCC_RSR_BORRSTF)) != 0) return "power";
  return "pin";
}

}  // namespace ocellus::stm32h7
