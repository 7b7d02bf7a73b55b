// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "host_demo/model_report.h"

namespace ocellus {

// Runs gnuplot on `script`, whose plots become one PNG of the given size in
// `path`. Throws Failure when gnuplot is missing or reports an error.
void PlotPng(const std::string& script, int width, int height,
             const std::string& path);

// `text` as a gnuplot string that shows it as it is.
std::string PlotString(const std::string& text);

// A bar per operator: bytes that are live while it runs, the peak marked.
std::string MemoryPlotScript(const std::string& model_name,
                             const ModelReport& report);

// One precision-recall curve.
struct PrecisionRecall {
  std::string class_name;
  double average_precision = 0.0;
  std::vector<double> recall;     // ascending, in [0, 1]
  std::vector<double> precision;  // same length
};

// Small multiples, a panel per class, five in a row.
std::string PrecisionRecallPlotScript(
    const std::string& title, const std::vector<PrecisionRecall>& curves);

}  // namespace ocellus
