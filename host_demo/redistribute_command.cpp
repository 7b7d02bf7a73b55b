// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "detector/graph/network_description.h"
#include "detector/search/redistribute.h"
#include "host_demo/commands.h"
#include "host_demo/failure.h"
#include "host_demo/model_report.h"
#include "host_demo/output_file.h"

namespace ocellus {
namespace {

struct RedistributeOptions {
  std::string network;
  std::string output;
  int patches = 4;
  int form = -1;  // the one with the least overhead
};

struct Form {
  Redistribution redistribution;
  PatchCost cost;
};

std::vector<Form> FormsOf(const NetworkDescription& network, int patches) {
  std::vector<Form> forms;
  for (Redistribution& redistribution : Redistribute(network)) {
    const PatchCost cost = CountPatchCost(redistribution.network, patches);
    forms.push_back({std::move(redistribution), cost});
  }
  return forms;
}

std::size_t LeastOverhead(const std::vector<Form>& forms) {
  const auto least = std::min_element(
      forms.begin(), forms.end(), [](const Form& a, const Form& b) {
        return a.cost.overhead < b.cost.overhead;
      });
  return static_cast<std::size_t>(least - forms.begin());
}

void PrintForms(const std::vector<Form>& forms) {
  std::printf("%3s  %-38s %5s %5s %10s %8s %10s %8s %9s\n", "", "patch stage",
              "side", "halo", "stage MACs", "", "MACs", "", "weights");
  for (std::size_t i = 0; i < forms.size(); ++i) {
    const PatchCost& cost = forms[i].cost;
    std::printf(
        "%3zu  %-38s %5d %5d %8.1f M %+6.1f %% %8.1f M %+6.1f %% "
        "%7.3f M\n",
        i, forms[i].redistribution.change.c_str(), cost.patch_side, cost.halo,
        static_cast<double>(cost.stage_macs) / 1e6, 100.0 * cost.stage_overhead,
        static_cast<double>(cost.macs) / 1e6, 100.0 * cost.overhead,
        static_cast<double>(cost.parameters) / 1e6);
  }
}

void PrintBeforeAndAfter(const PatchCost& before, const PatchCost& after,
                         int patches) {
  const auto row = [](const char* title, const std::string& a,
                      const std::string& b, const char* unit) {
    std::printf("%-40s %12s %12s  %s\n", title, a.c_str(), b.c_str(), unit);
  };
  const auto count = [&](const char* title, int64_t a, int64_t b,
                         const char* unit) {
    row(title, GroupedText(a), GroupedText(b), unit);
  };
  const auto percent = [&](const char* title, double a, double b) {
    const auto text = [](double share) {
      char buffer[32];
      std::snprintf(buffer, sizeof buffer, "%+.1f", 100.0 * share);
      return std::string(buffer);
    };
    row(title, text(a), text(b), "%");
  };
  row("", "before", "after", "");
  count("receptive field of the patch stage", before.stage_field,
        after.stage_field, "pixels");
  count("receptive field of the network", before.field, after.field, "pixels");
  count("side of a patch", before.patch_side, after.patch_side, "pixels");
  count("  of which halo", before.halo, after.halo, "pixels");
  percent("overhead in the patch stage", before.stage_overhead,
          after.stage_overhead);
  percent("overhead of the network", before.overhead, after.overhead);
  count("MACs of the patch stage, with halos", before.stage_macs,
        after.stage_macs, "");
  count("MACs of the network, with halos", before.macs, after.macs, "");
  count("MACs of the network, without", before.plain_macs, after.plain_macs,
        "");
  count("weights and biases", before.parameters, after.parameters, "");
  count("peak, layer by layer", before.layers_peak_bytes,
        after.layers_peak_bytes, "bytes");
  const std::string patched = "peak, " + std::to_string(patches) + "x" +
                              std::to_string(patches) + " patches";
  count(patched.c_str(), before.patches_peak_bytes, after.patches_peak_bytes,
        "bytes");
}

void RedistributeNetwork(const RedistributeOptions& options) {
  const NetworkDescription network = ReadNetworkDescription(options.network);
  const std::vector<Form> forms = FormsOf(network, options.patches);
  if (options.form >= static_cast<int>(forms.size())) {
    throw Failure("--form " + std::to_string(options.form) + ": " +
                  options.network + " has forms 0 to " +
                  std::to_string(forms.size() - 1));
  }
  const std::size_t chosen = options.form < 0
                                 ? LeastOverhead(forms)
                                 : static_cast<std::size_t>(options.form);
  PrintForms(forms);
  std::printf("\n%s, form %zu (%s), %dx%d patches to stride %d:\n",
              network.name.c_str(), chosen,
              forms[chosen].redistribution.change.c_str(), options.patches,
              options.patches, kPatchStageStride);
  PrintBeforeAndAfter(forms.front().cost, forms[chosen].cost, options.patches);
  std::printf(
      "\nAs MCUNetV2 counts: every patch of interior size, memory of "
      "activations alone.\n");
  if (options.output.empty()) return;
  NetworkDescription written = forms[chosen].redistribution.network;
  written.name = std::filesystem::path(options.output).stem().string();
  WriteFile(options.output, NetworkDescriptionText(written));
  std::printf("wrote %s; its weights must be trained anew\n",
              options.output.c_str());
}

}  // namespace

void AddRedistributeCommand(CLI::App& app) {
  const auto options = std::make_shared<RedistributeOptions>();
  CLI::App* command = app.add_subcommand(
      "redistribute",
      "Forms of a network whose patches compute less twice: smaller kernels "
      "and fewer blocks at first, more blocks later");
  command
      ->add_option("NETWORK", options->network,
                   "Network description (JSON, see detector/models)")
      ->required();
  command->add_option("-o,--output", options->output,
                      "Write the chosen form's description");
  command
      ->add_option("--patches", options->patches,
                   "Patches along a side of the image")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command
      ->add_option("--form", options->form,
                   "Which of the listed forms (default: the one with the "
                   "least overhead)")
      ->check(CLI::Range(0, 1000));
  command->callback([options] { RedistributeNetwork(*options); });
}

}  // namespace ocellus
