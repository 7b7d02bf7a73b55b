// SPDX-License-Identifier: Apache-2.0

// The `ocellus` command.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "host_demo/commands.h"
#include "host_demo/failure.h"
#include "host_demo/mute_stderr.h"

namespace {

// Exit status, as usual for shells: 1 when the work failed, 2 when the command
// line was wrong.
constexpr int kFailed = 1;
constexpr int kMisused = 2;

constexpr void (*kCommands[])(CLI::App&) = {
    ocellus::AddCamCommand,   ocellus::AddDetectCommand,
    ocellus::AddEvalCommand,  ocellus::AddInspectCommand,
    ocellus::AddBenchCommand, ocellus::AddCompileCommand,
    ocellus::AddPlanCommand,  ocellus::AddRedistributeCommand,
};

int Complain(std::string message, int exit_status) {
  std::replace(message.begin(), message.end(), '\n', ' ');
  while (!message.empty() && message.back() == ' ') message.pop_back();
  std::fprintf(stderr, "ocellus: %s\n", message.c_str());
  return exit_status;
}

}  // namespace

int main(int argc, char** argv) {
  ocellus::SilenceLibraries();
  CLI::App app("Ocellus: an int8 object detector for tiny cameras.", "ocellus");
  app.set_version_flag("--version", "ocellus " OCELLUS_VERSION);
  app.require_subcommand(1);
  for (const auto add : kCommands) add(app);
  try {
    app.parse(argc, argv);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
      throw ocellus::Failure("cannot write to standard output: " +
                             ocellus::ErrnoText(errno));
    }
    return 0;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    std::string message = error.what();
    // CLI11 misses the subcommand first and does not tell what was there.
    const std::vector<std::string> unknown = app.remaining();
    if (app.get_subcommands().empty() && !unknown.empty()) {
      message = "unknown command or option " + unknown.front();
    }
    return Complain(message + " (see ocellus --help)", kMisused);
  } catch (const std::bad_alloc&) {
    return Complain("out of memory", kFailed);
  } catch (const std::exception& error) {
    return Complain(error.what(), kFailed);
  }
}
