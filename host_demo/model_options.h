// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "host_demo/model_file.h"

namespace ocellus {

// What every subcommand that runs a model asks for.
struct ModelOptions {
  std::string model;  // empty: see FindModel()
  std::string backend = "host";
};

inline void AddBackendOption(CLI::App& command, ModelOptions& options) {
  command
      .add_option("--backend", options.backend,
                  "Kernels: host (SIMD) or reference; same answers")
      ->check(CLI::IsMember({"host", "reference"}))
      ->capture_default_str();
}

inline void AddModelOptions(CLI::App& command, ModelOptions& options,
                            const std::string& shipped = kShippedModel) {
  command.add_option("--model", options.model,
                     "Compiled model (default: $OCELLUS_MODEL, else the "
                     "shipped " +
                         shipped + ")");
  AddBackendOption(command, options);
}

}  // namespace ocellus
