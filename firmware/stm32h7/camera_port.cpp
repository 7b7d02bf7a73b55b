// SPDX-License-Identifier: Apache-2.0
#include "firmware/stm32h7/camera_port.h"

#include <algorithm>
#include <array>

#include "firmware/stm32h7/core.h"
#include "firmware/stm32h7/registers.h"

namespace ocellus::stm32h7 {
namespace {

using board::FrameEnd;
using board::FrameSink;

// Two bands of eight lines of 320 pixels.
constexpr uint32_t kBandBytes = 8 * 320 * 2;
alignas(32) [[gnu::section(
    ".d2_sram")]] std::array<std::array<uint8_t, kBandBytes>, 2> g_bands;

struct Port {
  uint32_t control = 0;  // DCMI_CR without CAPTURE
  int32_t line_bytes = 0;
  int32_t lines = 0;       // of a frame
  int32_t band_lines = 0;  // divides `lines`
  FrameSink* sink = nullptr;
  int32_t lines_taken = 0;
};
Port g_port;

void StopDma() {
  DMA1_S0CR.Clear(DMA_CR_EN);
  SpinUntil([] { return !DMA1_S0CR.Has(DMA_CR_EN); });
  DMA1_LIFCR.Write(DMA_STREAM0_ALL);
}

void StartDma() {
  StopDma();
  DMAMUX1_C0CR.Write(kDmamuxRequestDcmi);
  DMA1_S0PAR.Write(kDcmiDr);
  DMA1_S0M0AR.Write(reinterpret_cast<uint32_t>(g_bands[0].data()));
  DMA1_S0M1AR.Write(reinterpret_cast<uint32_t>(g_bands[1].data()));
  DMA1_S0NDTR.Write(
      static_cast<uint32_t>(g_port.line_bytes * g_port.band_lines) / 4);
  DMA1_S0FCR.Write(DMA_FCR_DMDIS | DMA_FCR_FTH_FULL);
  constexpr uint32_t kControl = DMA_CR_DBM | DMA_CR_CIRC | DMA_CR_MINC |
                                DMA_CR_PSIZE_WORD | DMA_CR_MSIZE_WORD |
                                DMA_CR_PL_VERY_HIGH | DMA_CR_TCIE |
                                DMA_CR_TEIE | DMA_CR_DMEIE;
  DMA1_S0CR.Write(kControl);
  DMA1_S0CR.Write(kControl | DMA_CR_EN);
}

// Called by interrupts, which do not interrupt each other: all have the same
// priority.
void EndFrame(FrameEnd end) {
  FrameSink* sink = g_port.sink;
  if (sink == nullptr) return;
  g_port.sink = nullptr;
  DCMI_CR.Write(g_port.control);
  DMA1_S0CR.Clear(DMA_CR_EN);
  sink->EndFrame(end);
}

void TakeBand() {
  // CT is the band that is being filled; the other is complete.
  const uint32_t full = DMA1_S0CR.Has(DMA_CR_CT) ? 0 : 1;
  g_port.sink->TakeLines(
      g_port.lines_taken,
      std::span(g_bands[full])
          .first(static_cast<uint32_t>(g_port.line_bytes * g_port.band_lines)));
  // If meanwhile the next band has filled up too, the DMA has come back to this
  // one and may have overwritten what was just read.
  if ((DMA1_LISR.Read() & DMA_STREAM0_TC) != 0 &&
      g_port.lines_taken + 2 * g_port.band_lines < g_port.lines) {
    EndFrame(FrameEnd::kOverrun);
    return;
  }
  g_port.lines_taken += g_port.band_lines;
}

}  // namespace

void UseCameraPins(const CameraPins& pins) {
  constexpr uint32_t kDcmiFunction = 13;
  const std::array<Pin, 11> all = {{
      {GpioPort::kC, 6},  // D0
      {GpioPort::kC, 7},
      {GpioPort::kE, 0},
      {GpioPort::kE, 1},
      {GpioPort::kE, 4},
      pins.d5,
      {GpioPort::kE, 5},
      {GpioPort::kE, 6},  // D7
      {GpioPort::kA, 6},  // PIXCLK
      {GpioPort::kA, 4},  // HSYNC
      pins.vsync,
  }};
  UseForPeripheral(all, kDcmiFunction);
}

void StartCameraPort(const CameraSignals& signals, const FrameFormat& format) {
  StopCapture();
  RCC_AHB1ENR.Set(RCC_AHB1ENR_DMA1EN);
  RCC_AHB2ENR.Set(RCC_AHB2ENR_DCMIEN);
  RCC_AHB2ENR.Read();
  g_port.line_bytes = format.line_bytes();
  g_port.lines = format.height;
  g_port.band_lines = std::max<int32_t>(
      1, static_cast<int32_t>(kBandBytes) / g_port.line_bytes);
  while (g_port.lines % g_port.band_lines != 0) --g_port.band_lines;
  g_port.control =
      DCMI_CR_ENABLE | DCMI_CR_CM_SNAPSHOT | DCMI_CR_PCKPOL_RISING |
      (signals.vsync_high_between_frames ? DCMI_CR_VSPOL_HIGH : 0) |
      (signals.hsync_high_between_lines ? DCMI_CR_HSPOL_HIGH : 0);
}

void CaptureFrame(FrameSink& sink) {
  StopCapture();
  g_port.sink = &sink;
  g_port.lines_taken = 0;
  StartDma();
  DCMI_ICR.Write(DCMI_ALL);
  DCMI_IER.Write(DCMI_FRAME | DCMI_OVR);
  EnableInterrupt(kDma1Stream0Interrupt);
  EnableInterrupt(kDcmiInterrupt);
  DCMI_CR.Write(g_port.control);
  DCMI_CR.Write(g_port.control | DCMI_CR_CAPTURE);
}

void StopCapture() {
  DisableInterrupt(kDma1Stream0Interrupt);
  DisableInterrupt(kDcmiInterrupt);
  g_port.sink = nullptr;
  if (g_port.control == 0) return;  // never started
  DCMI_CR.Write(0);
  DCMI_IER.Write(0);
  StopDma();
}

extern "C" void HandleDma1Stream0() {
  const uint32_t status = DMA1_LISR.Read() & DMA_STREAM0_ALL;
  DMA1_LIFCR.Write(status);
  if (g_port.sink == nullptr) return;
  if ((status & (DMA_STREAM0_TE | DMA_STREAM0_DME)) != 0) {
    EndFrame(FrameEnd::kBusError);
  } else if ((status & DMA_STREAM0_TC) != 0) {
    TakeBand();
  }
}

extern "C" void HandleDcmi() {
  const uint32_t status = DCMI_MIS.Read();
  DCMI_ICR.Write(status);
  if ((status & DCMI_OVR) != 0) {
    EndFrame(FrameEnd::kOverrun);
  } else if ((status & DCMI_FRAME) != 0) {
    // The last band's interrupt has the lower number, so it came first.
    EndFrame(g_port.lines_taken == g_port.lines ? FrameEnd::kComplete
                                                : FrameEnd::kCutShort);
  }
}

}  // namespace ocellus::stm32h7
