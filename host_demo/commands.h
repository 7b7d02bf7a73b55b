// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

namespace ocellus {

// Each adds one subcommand to `app`, in the file of the same name. Its callback
// does the work while the command line is parsed, and throws Failure.
void AddBenchCommand(CLI::App& app);
void AddCamCommand(CLI::App& app);
void AddCompileCommand(CLI::App& app);
void AddDetectCommand(CLI::App& app);
void AddEvalCommand(CLI::App& app);
void AddInspectCommand(CLI::App& app);
void AddRedistributeCommand(CLI::App& app);
// In the file of the compile command.
void AddPlanCommand(CLI::App& app);

}  // namespace ocellus
