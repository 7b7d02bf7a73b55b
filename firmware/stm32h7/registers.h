// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "firmware/stm32h7/register.h"

// The registers that this firmware touches, and no others. Names, addresses and
// bits as in ST's RM0433 (STM32H742/743/753/750) unless said otherwise; those
// of the core as in Arm's ARMv7-M Architecture Reference Manual.
namespace ocellus::stm32h7 {

// --- Core --------------------------------------------------------------------

inline constexpr Register DEMCR{0xE000EDFC};
inline constexpr uint32_t DEMCR_TRCENA = Bit(24);
inline constexpr Register DWT_CTRL{0xE0001000};
inline constexpr uint32_t DWT_CTRL_CYCCNTENA = Bit(0);
inline constexpr Register DWT_CYCCNT{0xE0001004};
// Lock access, implemented by the Cortex-M7 only (its TRM, DWT_LAR).
inline constexpr Register DWT_LAR{0xE0001FB0};
inline constexpr uint32_t kUnlockKey = 0xC5ACCE55;

inline constexpr Register SYST_CSR{0xE000E010};
inline constexpr uint32_t SYST_CSR_ENABLE = Bit(0);
inline constexpr uint32_t SYST_CSR_TICKINT = Bit(1);
inline constexpr uint32_t SYST_CSR_CLKSOURCE = Bit(2);
inline constexpr Register SYST_RVR{0xE000E014};
inline constexpr Register SYST_CVR{0xE000E018};

inline constexpr Register NVIC_ISER(uint32_t interrupt) {
  return {0xE000E100 + 4 * (interrupt / 32)};
}
inline constexpr Register NVIC_ICER(uint32_t interrupt) {
  return {0xE000E180 + 4 * (interrupt / 32)};
}
inline constexpr Register NVIC_ICPR(uint32_t interrupt) {
  return {0xE000E280 + 4 * (interrupt / 32)};
}

inline constexpr Register SCB_VTOR{0xE000ED08};
inline constexpr Register SCB_AIRCR{0xE000ED0C};
inline constexpr uint32_t SCB_AIRCR_VECTKEY = 0x05FAu << 16;
inline constexpr uint32_t SCB_AIRCR_SYSRESETREQ = Bit(2);
inline constexpr Register SCB_CCR{0xE000ED14};
inline constexpr uint32_t SCB_CCR_DIV_0_TRP = Bit(4);
inline constexpr uint32_t SCB_CCR_DC = Bit(16);
inline constexpr uint32_t SCB_CCR_IC = Bit(17);
inline constexpr Register SCB_SHCSR{0xE000ED24};
inline constexpr uint32_t SCB_SHCSR_MEMFAULTENA = Bit(16);
inline constexpr uint32_t SCB_SHCSR_BUSFAULTENA = Bit(17);
inline constexpr uint32_t SCB_SHCSR_USGFAULTENA = Bit(18);
inline constexpr Register SCB_CFSR{0xE000ED28};
inline constexpr Register SCB_HFSR{0xE000ED2C};
inline constexpr Register SCB_MMFAR{0xE000ED34};
inline constexpr Register SCB_BFAR{0xE000ED38};
inline constexpr Register SCB_CCSIDR{0xE000ED80};
inline constexpr Register SCB_CSSELR{0xE000ED84};
inline constexpr Register SCB_ICIALLU{0xE000EF50};
inline constexpr Register SCB_DCISW{0xE000EF60};

inline constexpr Register MPU_CTRL{0xE000ED94};
inline constexpr uint32_t MPU_CTRL_ENABLE = Bit(0);
inline constexpr uint32_t MPU_CTRL_PRIVDEFENA = Bit(2);
inline constexpr Register MPU_RNR{0xE000ED98};
inline constexpr Register MPU_RBAR{0xE000ED9C};
inline constexpr Register MPU_RASR{0xE000EDA0};

// --- Flash, power, clocks, debug ---------------------------------------------

inline constexpr Register FLASH_ACR{0x52002000};
inline constexpr uint32_t FLASH_ACR_LATENCY = 0xF;
inline constexpr uint32_t FLASH_ACR_WRHIGHFREQ = 3u << 4;

inline constexpr Register PWR_CR3{0x5802480C};
inline constexpr uint32_t PWR_CR3_BYPASS = Bit(0);
inline constexpr uint32_t PWR_CR3_LDOEN = Bit(1);
inline constexpr uint32_t PWR_CR3_SCUEN = Bit(2);  // SDEN in the STM32H747
inline constexpr Register PWR_CSR1{0x58024804};
inline constexpr uint32_t PWR_CSR1_ACTVOSRDY = Bit(13);
inline constexpr Register PWR_D3CR{0x58024818};
inline constexpr uint32_t PWR_D3CR_VOSRDY = Bit(13);
inline constexpr uint32_t PWR_D3CR_VOS = 3u << 14;
inline constexpr uint32_t PWR_D3CR_VOS_SCALE1 = 3u << 14;

inline constexpr Register SYSCFG_PWRCR{0x5800042C};
inline constexpr uint32_t SYSCFG_PWRCR_ODEN = Bit(0);

inline constexpr Register DBGMCU_IDC{0x5C001000};  // REV_ID in bits 31:16
inline constexpr uint32_t kRevisionV = 0x2003;

inline constexpr Register RCC_CR{0x58024400};
inline constexpr uint32_t RCC_CR_HSION = Bit(0);
inline constexpr uint32_t RCC_CR_HSIRDY = Bit(2);
inline constexpr uint32_t RCC_CR_HSI48ON = Bit(12);
inline constexpr uint32_t RCC_CR_HSI48RDY = Bit(13);
inline constexpr uint32_t RCC_CR_HSEON = Bit(16);
inline constexpr uint32_t RCC_CR_HSERDY = Bit(17);
inline constexpr uint32_t RCC_CR_HSEBYP = Bit(18);
inline constexpr uint32_t RCC_CR_PLL1ON = Bit(24);
inline constexpr uint32_t RCC_CR_PLL1RDY = Bit(25);
inline constexpr Register RCC_CFGR{0x58024410};
inline constexpr uint32_t RCC_CFGR_SW = 7;
inline constexpr uint32_t RCC_CFGR_SW_HSI = 0;
inline constexpr uint32_t RCC_CFGR_SW_PLL1 = 3;
inline constexpr uint32_t RCC_CFGR_SWS = 7u << 3;
inline constexpr uint32_t RCC_CFGR_MCO1PRE = 15u << 18;
inline constexpr uint32_t RCC_CFGR_MCO1PRE_DIV4 = 4u << 18;
inline constexpr uint32_t RCC_CFGR_MCO1 = 7u << 22;
inline constexpr uint32_t RCC_CFGR_MCO1_HSI48 = 4u << 22;
inline constexpr Register RCC_D1CFGR{0x58024418};
inline constexpr uint32_t RCC_D1CFGR_HPRE_DIV2 = 8;
inline constexpr uint32_t RCC_D1CFGR_D1PPRE_DIV2 = 4u << 4;
inline constexpr Register RCC_D2CFGR{0x5802441C};
inline constexpr uint32_t RCC_D2CFGR_D2PPRE1_DIV2 = 4u << 4;
inline constexpr uint32_t RCC_D2CFGR_D2PPRE2_DIV2 = 4u << 8;
inline constexpr Register RCC_D3CFGR{0x58024420};
inline constexpr uint32_t RCC_D3CFGR_D3PPRE_DIV2 = 4u << 4;
inline constexpr Register RCC_PLLCKSELR{0x58024428};
inline constexpr uint32_t RCC_PLLCKSELR_PLLSRC = 3;
inline constexpr uint32_t RCC_PLLCKSELR_PLLSRC_HSI = 0;
inline constexpr uint32_t RCC_PLLCKSELR_PLLSRC_HSE = 2;
inline constexpr uint32_t RCC_PLLCKSELR_DIVM1 = 63u << 4;
inline constexpr Register RCC_PLLCFGR{0x5802442C};
// Of PLL1: fractional latch, VCO range and input range, outputs P, Q and R.
inline constexpr uint32_t RCC_PLLCFGR_PLL1 = 15u | 7u << 16;
inline constexpr uint32_t RCC_PLLCFGR_PLL1RGE_4_8MHZ = 2u << 2;
inline constexpr uint32_t RCC_PLLCFGR_DIVP1EN = Bit(16);
inline constexpr Register RCC_PLL1DIVR{0x58024430};
inline constexpr Register RCC_D1CCIPR{0x5802444C};
inline constexpr uint32_t RCC_D1CCIPR_CKPERSEL = 3u << 28;  // 0: HSI
inline constexpr Register RCC_D2CCIP2R{0x58024454};
inline constexpr uint32_t RCC_D2CCIP2R_I2C123SEL = 3u << 12;
inline constexpr uint32_t RCC_D2CCIP2R_I2C123SEL_HSI = 2u << 12;
inline constexpr Register RCC_D3CCIPR{0x58024458};
inline constexpr uint32_t RCC_D3CCIPR_ADCSEL = 3u << 16;
inline constexpr uint32_t RCC_D3CCIPR_ADCSEL_PER = 2u << 16;
inline constexpr Register RCC_RSR{0x580244D0};
inline constexpr uint32_t RCC_RSR_RMVF = Bit(16);
inline constexpr uint32_t RCC_RSR_BORRSTF = Bit(21);
inline constexpr uint32_t RCC_RSR_PORRSTF = Bit(23);
inline constexpr uint32_t RCC_RSR_SFTRSTF = Bit(24);
inline constexpr uint32_t RCC_RSR_IWDG1RSTF = Bit(26);
inline constexpr Register RCC_AHB1ENR{0x580244D8};
inline constexpr uint32_t RCC_AHB1ENR_DMA1EN = Bit(0);
inline constexpr Register RCC_AHB2ENR{0x580244DC};
inline constexpr uint32_t RCC_AHB2ENR_DCMIEN = Bit(0);
inline constexpr uint32_t RCC_AHB2ENR_SRAM123EN = 7u << 29;
inline constexpr Register RCC_AHB4ENR{0x580244E0};  // GPIOxEN in bits 0 to 10
inline constexpr uint32_t RCC_AHB4ENR_ADC3EN = Bit(24);
inline constexpr Register RCC_APB1LENR{0x580244E8};
inline constexpr uint32_t RCC_APB1LENR_TIM3EN = Bit(1);
inline constexpr uint32_t RCC_APB1LENR_USART3EN = Bit(18);
inline constexpr uint32_t RCC_APB1LENR_I2C1EN = Bit(21);
inline constexpr uint32_t RCC_APB1LENR_I2C3EN = Bit(23);
inline constexpr Register RCC_APB2ENR{0x580244F0};
inline constexpr uint32_t RCC_APB2ENR_TIM1EN = Bit(0);
inline constexpr uint32_t RCC_APB2ENR_USART1EN = Bit(4);
inline constexpr Register RCC_APB4ENR{0x580244F4};
inline constexpr uint32_t RCC_APB4ENR_SYSCFGEN = Bit(1);
inline constexpr uint32_t RCC_APB4ENR_LPUART1EN = Bit(3);

inline constexpr Register IWDG1_KR{0x58004800};
inline constexpr uint32_t IWDG_KR_START = 0xCCCC;
inline constexpr uint32_t IWDG_KR_UNLOCK = 0x5555;
inline constexpr uint32_t IWDG_KR_RELOAD = 0xAAAA;
inline constexpr Register IWDG1_PR{0x58004804};
inline constexpr Register IWDG1_RLR{0x58004808};
inline constexpr Register IWDG1_SR{0x5800480C};

// --- Peripherals of which there are several: registers by base
// ----------------

enum class GpioPort : uint32_t { kA, kB, kC, kD, kE, kF, kG, kH };
constexpr uint32_t GpioBase(GpioPort port) {
  return 0x58020000 + 0x400 * static_cast<uint32_t>(port);
}
inline constexpr Register GPIO_MODER(uint32_t base) { return {base + 0x00}; }
inline constexpr Register GPIO_OTYPER(uint32_t base) { return {base + 0x04}; }
inline constexpr Register GPIO_OSPEEDR(uint32_t base) { return {base + 0x08}; }
inline constexpr Register GPIO_PUPDR(uint32_t base) { return {base + 0x0C}; }
inline constexpr Register GPIO_BSRR(uint32_t base) { return {base + 0x18}; }
inline constexpr Register GPIO_AFR(uint32_t base, uint32_t pin) {
  return {base + 0x20 + 4 * (pin / 8)};
}

inline constexpr uint32_t kUsart1Base = 0x40011000;
inline constexpr uint32_t kUsart3Base = 0x40004800;
inline constexpr uint32_t kLpuart1Base = 0x58000C00;
inline constexpr Register USART_CR1(uint32_t base) { return {base + 0x00}; }
inline constexpr uint32_t USART_CR1_UE = Bit(0);
inline constexpr uint32_t USART_CR1_RE = Bit(2);
inline constexpr uint32_t USART_CR1_TE = Bit(3);
inline constexpr uint32_t USART_CR1_RXNEIE = Bit(5);
inline constexpr uint32_t USART_CR1_FIFOEN = Bit(29);
inline constexpr Register USART_BRR(uint32_t base) { return {base + 0x0C}; }
inline constexpr Register USART_ISR(uint32_t base) { return {base + 0x1C}; }
inline constexpr uint32_t USART_ISR_ORE = Bit(3);
inline constexpr uint32_t USART_ISR_RXNE = Bit(5);
inline constexpr uint32_t USART_ISR_TC = Bit(6);
inline constexpr uint32_t USART_ISR_TXE = Bit(7);
inline constexpr Register USART_ICR(uint32_t base) { return {base + 0x20}; }
inline constexpr uint32_t USART_ICR_ERRORS = 15;  // PE, FE, NE and ORE
inline constexpr Register USART_RDR(uint32_t base) { return {base + 0x24}; }
inline constexpr Register USART_TDR(uint32_t base) { return {base + 0x28}; }

inline constexpr uint32_t kI2c1Base = 0x40005400;
inline constexpr uint32_t kI2c3Base = 0x40005C00;
inline constexpr Register I2C_CR1(uint32_t base) { return {base + 0x00}; }
inline constexpr uint32_t I2C_CR1_PE = Bit(0);
inline constexpr Register I2C_CR2(uint32_t base) { return {base + 0x04}; }
inline constexpr uint32_t I2C_CR2_RD_WRN = Bit(10);
inline constexpr uint32_t I2C_CR2_START = Bit(13);
inline constexpr uint32_t I2C_CR2_AUTOEND = Bit(25);
inline constexpr Register I2C_TIMINGR(uint32_t base) { return {base + 0x10}; }
inline constexpr Register I2C_ISR(uint32_t base) { return {base + 0x18}; }
inline constexpr uint32_t I2C_ISR_TXIS = Bit(1);
inline constexpr uint32_t I2C_ISR_RXNE = Bit(2);
inline constexpr uint32_t I2C_ISR_NACKF = Bit(4);
inline constexpr uint32_t I2C_ISR_STOPF = Bit(5);
inline constexpr uint32_t I2C_ISR_BERR = Bit(8);
inline constexpr uint32_t I2C_ISR_ARLO = Bit(9);
inline constexpr Register I2C_ICR(uint32_t base) { return {base + 0x1C}; }
inline constexpr Register I2C_RXDR(uint32_t base) { return {base + 0x24}; }
inline constexpr Register I2C_TXDR(uint32_t base) { return {base + 0x28}; }

inline constexpr uint32_t kTim1Base = 0x40010000;
inline constexpr uint32_t kTim3Base = 0x40000400;
inline constexpr Register TIM_CR1(uint32_t base) { return {base + 0x00}; }
inline constexpr uint32_t TIM_CR1_CEN = Bit(0);
inline constexpr Register TIM_CCMR1(uint32_t base) { return {base + 0x18}; }
inline constexpr Register TIM_CCER(uint32_t base) { return {base + 0x20}; }
inline constexpr Register TIM_PSC(uint32_t base) { return {base + 0x28}; }
inline constexpr Register TIM_ARR(uint32_t base) { return {base + 0x2C}; }
inline constexpr Register TIM_CCR(uint32_t base, uint32_t channel) {
  return {base + 0x30 + 4 * channel};  // channels from 1: CCR1 is at 0x34
}
inline constexpr Register TIM_BDTR(uint32_t base) { return {base + 0x44}; }
inline constexpr uint32_t TIM_BDTR_MOE = Bit(15);

// --- Camera interface and its DMA --------------------------------------------

inline constexpr Register DCMI_CR{0x48020000};
inline constexpr uint32_t DCMI_CR_CAPTURE = Bit(0);
inline constexpr uint32_t DCMI_CR_CM_SNAPSHOT = Bit(1);
inline constexpr uint32_t DCMI_CR_PCKPOL_RISING = Bit(5);
inline constexpr uint32_t DCMI_CR_HSPOL_HIGH = Bit(6);
inline constexpr uint32_t DCMI_CR_VSPOL_HIGH = Bit(7);
inline constexpr uint32_t DCMI_CR_ENABLE = Bit(14);
inline constexpr Register DCMI_IER{0x4802000C};
inline constexpr Register DCMI_MIS{0x48020010};
inline constexpr Register DCMI_ICR{0x48020014};
inline constexpr uint32_t DCMI_FRAME = Bit(0);  // in IER, MIS and ICR
inline constexpr uint32_t DCMI_OVR = Bit(1);
inline constexpr uint32_t DCMI_ALL = 0x1F;
inline constexpr uint32_t kDcmiDr = 0x48020028;

inline constexpr Register DMA1_LISR{0x40020000};
inline constexpr Register DMA1_LIFCR{0x40020008};
inline constexpr uint32_t DMA_STREAM0_DME = Bit(2);  // in LISR and LIFCR
inline constexpr uint32_t DMA_STREAM0_TE = Bit(3);
inline constexpr uint32_t DMA_STREAM0_TC = Bit(5);
inline constexpr uint32_t DMA_STREAM0_ALL = 0x3D;
inline constexpr Register DMA1_S0CR{0x40020010};
inline constexpr uint32_t DMA_CR_EN = Bit(0);
inline constexpr uint32_t DMA_CR_DMEIE = Bit(1);
inline constexpr uint32_t DMA_CR_TEIE = Bit(2);
inline constexpr uint32_t DMA_CR_TCIE = Bit(4);
inline constexpr uint32_t DMA_CR_CIRC = Bit(8);
inline constexpr uint32_t DMA_CR_MINC = Bit(10);
inline constexpr uint32_t DMA_CR_PSIZE_WORD = 2u << 11;
inline constexpr uint32_t DMA_CR_MSIZE_WORD = 2u << 13;
inline constexpr uint32_t DMA_CR_PL_VERY_HIGH = 3u << 16;
inline constexpr uint32_t DMA_CR_DBM = Bit(18);
inline constexpr uint32_t DMA_CR_CT = Bit(19);
inline constexpr Register DMA1_S0NDTR{0x40020014};
inline constexpr Register DMA1_S0PAR{0x40020018};
inline constexpr Register DMA1_S0M0AR{0x4002001C};
inline constexpr Register DMA1_S0M1AR{0x40020020};
inline constexpr Register DMA1_S0FCR{0x40020024};
inline constexpr uint32_t DMA_FCR_FTH_FULL = 3;
inline constexpr uint32_t DMA_FCR_DMDIS = Bit(2);
inline constexpr Register DMAMUX1_C0CR{0x40020800};
inline constexpr uint32_t kDmamuxRequestDcmi = 75;

// --- Temperature: ADC3, channel 18 -------------------------------------------

inline constexpr Register ADC3_ISR{0x58026000};
inline constexpr uint32_t ADC_ISR_ADRDY = Bit(0);
inline constexpr uint32_t ADC_ISR_EOC = Bit(2);
inline constexpr uint32_t ADC_ISR_LDORDY = Bit(12);
inline constexpr Register ADC3_CR{0x58026008};
inline constexpr uint32_t ADC_CR_ADEN = Bit(0);
inline constexpr uint32_t ADC_CR_ADSTART = Bit(2);
inline constexpr uint32_t ADC_CR_ADVREGEN = Bit(28);
inline constexpr uint32_t ADC_CR_ADCAL = Bit(31);
inline constexpr Register ADC3_CFGR{0x5802600C};
inline constexpr Register ADC3_SMPR2{0x58026018};
inline constexpr Register ADC3_PCSEL{0x5802601C};
inline constexpr Register ADC3_SQR1{0x58026030};
inline constexpr Register ADC3_DR{0x58026040};
inline constexpr Register ADC3_CCR{0x58026308};
inline constexpr uint32_t ADC_CCR_PRESC_DIV8 = 4u << 18;
inline constexpr uint32_t ADC_CCR_VSENSEEN = Bit(23);
// Readings of the factory at 30 and 110 degrees Celsius, 3.3 V and 16 bits
// (data sheet DS12110, temperature sensor calibration values).
inline constexpr Register TS_CAL1{0x1FF1E820};
inline constexpr Register TS_CAL2{0x1FF1E840};

// --- Interrupt numbers (RM0433, table of the NVIC)
// -----------------------------

inline constexpr uint32_t kDma1Stream0Interrupt = 11;
inline constexpr uint32_t kUsart1Interrupt = 37;
inline constexpr uint32_t kUsart3Interrupt = 39;
inline constexpr uint32_t kDcmiInterrupt = 78;
inline constexpr uint32_t kLpuart1Interrupt = 142;
inline constexpr uint32_t kInterrupts = 150;

}  // namespace ocellus::stm32h7
