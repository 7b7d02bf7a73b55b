// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <string>
#include <vector>

#include "datasets/read_file.h"
#include "datasets/voc/voc_dataset.h"
#include "detector/graph/build_graph.h"
#include "detector/graph/network_description.h"
#include "detector/graph/safetensors.h"
#include "detector/import/head_description.h"
#include "detector/import/tflite/read_tflite.h"
#include "detector/pack/unpack_model.h"
#include "detector/quantize/calibration.h"
#include "detector/quantize/quantize.h"
#include "host_demo/commands.h"
#include "host_demo/failure.h"
#include "host_demo/input_table.h"
#include "host_demo/model_file.h"
#include "host_demo/model_planning.h"
#include "host_demo/picture.h"
#include "host_demo/progress_bar.h"
#include "host_demo/voc_folder.h"

namespace ocellus {
namespace {

namespace fs = std::filesystem;

struct PlanModelOptions {
  std::string model;
  std::string output;
  PlanOptions plan;
};

struct CompileOptions {
  std::string network;
  std::string weights;
  std::string head;
  std::string output;
  std::string calibrate;
  std::string voc;
  std::string list = "VOC2007/train";
  std::size_t images = 128;
  PlanOptions plan;
};

// The pictures to calibrate on: those of a folder, by name, or of a VOC list.
std::vector<std::string> CalibrationFiles(const CompileOptions& options) {
  std::vector<std::string> files;
  if (options.calibrate.empty()) {
    const VocDataset dataset =
        OrFail(VocDataset::Open(FindVoc(options.voc), options.list));
    for (const VocImage& image : dataset.images()) files.push_back(image.jpeg);
    return files;
  }
  std::error_code error;
  fs::directory_iterator entries(options.calibrate, error);
  if (error) {
    throw Failure("cannot read " + options.calibrate + ": " + error.message() +
                  " (expected a folder of pictures to calibrate on)");
  }
  for (const fs::directory_entry& entry : entries) {
    if (entry.is_regular_file(error) && IsPicture(entry.path())) {
      files.push_back(entry.path());
    }
  }
  if (files.empty()) throw Failure(options.calibrate + ": no pictures in it");
  std::sort(files.begin(), files.end());
  return files;
}

// `count` of them, evenly spread.
std::vector<std::string> Spread(const std::vector<std::string>& files,
                                std::size_t count) {
  count = std::min(count, files.size());
  std::vector<std::string> chosen;
  for (std::size_t i = 0; i < count; ++i) {
    chosen.push_back(files[i * files.size() / count]);
  }
  return chosen;
}

// The pixels of a picture, as the network will see them, [H, W, 3] in RGB.
std::vector<uint8_t> ReadPixels(const std::string& file, Shape input) {
  cv::Mat rgb;
  cv::cvtColor(Stretch(ReadPicture(file), {input.w, input.h}), rgb,
               cv::COLOR_BGR2RGB);
  return {rgb.datastart, rgb.dataend};
}

// A TensorFlow Lite model is quantised already.
void CompileTflite(const CompileOptions& options) {
  if (!options.weights.empty()) {
    throw Failure(options.network + ": a .tflite file takes no WEIGHTS");
  }
  constexpr std::size_t kMaxTfliteBytes = std::size_t{256} << 20;
  const std::string file = OrFail(ReadFile(options.network, kMaxTfliteBytes));
  ImportedModel imported =
      ReadTflite(fs::path(options.network).stem().string(),
                 {reinterpret_cast<const uint8_t*>(file.data()), file.size()});
  if (!options.head.empty()) {
    ApplyHeadDescription(options.head, &imported.graph);
  }
  WriteModel(options.output, imported.graph, imported.quantized,
             FindPlan(imported.graph, options.plan),
             FindTarget(options.plan.target));
}

void CompileNetwork(const CompileOptions& options) {
  if (fs::path(options.network).extension() == ".tflite") {
    return CompileTflite(options);
  }
  if (!options.head.empty()) {
    throw Failure("--head is for imported models (.tflite)");
  }
  if (options.weights.empty()) {
    throw Failure(
        options.network +
        ": expected WEIGHTS.safetensors behind it, or a .tflite file");
  }
  const NetworkDescription network = ReadNetworkDescription(options.network);
  const Graph graph = BuildGraph(network, Safetensors::Read(options.weights));
  const Target target = FindTarget(options.plan.target);
  const PlanCandidate plan = FindPlan(graph, options.plan);

  std::vector<std::vector<uint8_t>> images;
  for (const std::string& file :
       Spread(CalibrationFiles(options), options.images)) {
    images.push_back(ReadPixels(file, network.input));
  }
  std::optional<ProgressBar> bar(std::in_place, "calibrate",
                                 2 * static_cast<int64_t>(images.size()));
  const QuantizedGraph quantized = Quantize(
      graph,
      Calibrate(graph, images, [&](int done, int) { bar->Update(done); }));
  bar.reset();
  WriteModel(options.output, graph, quantized, plan, target);
  std::printf("calibrated on %zu pictures\n", images.size());
}

// A compiled model under another plan: the same network, the same answers.
void PlanModel(const PlanModelOptions& options) {
  const ModelFile file(FindModel(options.model));
  const UnpackedModel unpacked = UnpackModel(file.model());
  WriteModel(options.output, unpacked.graph, unpacked.quantized,
             FindPlan(unpacked.graph, options.plan),
             FindTarget(options.plan.target));
}

}  // namespace

void AddCompileCommand(CLI::App& app) {
  const auto options = std::make_shared<CompileOptions>();
  CLI::App* command = app.add_subcommand(
      "compile", "Quantise a trained network and pack it into one file");
  command
      ->add_option("NETWORK", options->network,
                   "Network description (JSON, see detector/models), or an "
                   "int8 TensorFlow Lite model (.tflite)")
      ->required();
  command->add_option("WEIGHTS", options->weights,
                      "Trained weights (.safetensors, written by the trainer)");
  command->add_option("--head", options->head,
                      "What an imported model's outputs mean (JSON, see "
                      "detector/import/README.md)");
  command->add_option("-o,--output", options->output, "The model to write")
      ->required();
  CLI::Option* calibrate = command->add_option(
      "--calibrate", options->calibrate,
      "Folder of pictures that show what activations to expect");
  command
      ->add_option("--voc", options->voc,
                   "Without --calibrate: the VOCdevkit folder")
      ->excludes(calibrate);
  command->add_option("--list", options->list, "Its image list")
      ->excludes(calibrate)
      ->capture_default_str();
  command
      ->add_option("--images", options->images,
                   "How many pictures to calibrate on")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  AddPlanOptions(*command, options->plan);
  command->callback([options] { CompileNetwork(*options); });
}

void AddPlanCommand(CLI::App& app) {
  const auto options = std::make_shared<PlanModelOptions>();
  CLI::App* command = app.add_subcommand(
      "plan", "Give a compiled model another memory plan; same answers");
  command->add_option("MODEL", options->model,
                      "Compiled model (default: the shipped one)");
  command->add_option("-o,--output", options->output, "The model to write")
      ->required();
  AddPlanOptions(*command, options->plan);
  command->callback([options] { PlanModel(*options); });
}

}  // namespace ocellus
