// SPDX-License-Identifier: Apache-2.0
#include "firmware/stm32h7/watchdog.h"

#include "firmware/stm32h7/core.h"
#include "firmware/stm32h7/registers.h"

namespace ocellus::stm32h7 {

void StartWatchdog() {
  IWDG1_KR.Write(IWDG_KR_START);
  IWDG1_KR.Write(IWDG_KR_UNLOCK);
  IWDG1_PR.Write(4);          // 32 kHz / 64
  IWDG1_RLR.Write(4000 - 1);  // 8 s
  SpinUntil([] { return IWDG1_SR.Read() == 0; });
  FeedWatchdog();
}

void FeedWatchdog() { IWDG1_KR.Write(IWDG_KR_RELOAD); }

}  // namespace ocellus::stm32h7
