// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "datasets/read_file.h"
#include "datasets/voc/voc_dataset.h"
#include "detector/graph/build_graph.h"
#include "detector/graph/network_description.h"
#include "detector/graph/safetensors.h"
#include "detector/import/head_description.h"
#include "detector/import/onnx/read_onnx.h"
#include "detector/import/tflite/read_tflite.h"
#include "detector/pack/unpack_model.h"
#include "detector/quantize/calibration.h"
#include "detector/quantize/equalize.h"
#include "detector/quantize/quantisation_error.h"
#include "detector/quantize/quantize.h"
#include "host_demo/commands.h"
#include "host_demo/failure.h"
#include "host_demo/input_table.h"
#include "host_demo/model_file.h"
#include "host_demo/model_planning.h"
#include "host_demo/model_report.h"
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
  std::string name;
  std::string output;
  std::string emit;
  std::string calibrate;
  std::string voc;
  std::string list = "VOC2007/train";
  std::size_t images = 128;
  std::string ranges = "error";
  bool equalize = false;
  bool report = false;
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

// The pixels of a picture, as the network will see them, [H, W, 3].
std::vector<uint8_t> ReadPixels(const std::string& file, const Graph& graph) {
  const Shape input = graph.shape(graph.input);
  cv::Mat pixels = Stretch(ReadPicture(file), {input.w, input.h});
  if (graph.channel_order == format::ChannelOrder::kRgb) {
    cv::cvtColor(pixels, pixels, cv::COLOR_BGR2RGB);
  }
  if (!pixels.isContinuous()) pixels = pixels.clone();
  return {pixels.datastart, pixels.dataend};
}

using Pictures = std::vector<std::vector<uint8_t>>;

Pictures ReadPictures(const CompileOptions& options, const Graph& graph) {
  if (graph.shape(graph.input).c != 3) {
    throw Failure(options.network + ": its input has " +
                  std::to_string(graph.shape(graph.input).c) +
                  " channels, expected 3 to show it pictures");
  }
  Pictures pictures;
  for (const std::string& file :
       Spread(CalibrationFiles(options), options.images)) {
    pictures.push_back(ReadPixels(file, graph));
  }
  return pictures;
}

RangeChoice FindRangeChoice(const std::string& name) {
  if (name == "error") return RangeChoice::kLeastError;
  if (name == "minmax") return RangeChoice::kMinMax;
  if (name == "percentile") return RangeChoice::kPercentile;
  if (name == "entropy") return RangeChoice::kEntropy;
  throw Failure("unknown ranges " + name +
                ", expected error, minmax, percentile or entropy");
}

QuantizedGraph Calibrated(const CompileOptions& options, const Graph& graph,
                          const Pictures& pictures) {
  ProgressBar bar("calibrate", 2 * static_cast<int64_t>(pictures.size()));
  return Quantize(graph,
                  Calibrate(
                      graph, pictures, [&](int done, int) { bar.Update(done); },
                      FindRangeChoice(options.ranges)));
}

void Equalize(const Pictures& pictures, Graph* graph) {
  ProgressBar bar("equalise", static_cast<int64_t>(pictures.size()));
  EqualizeChannels(
      pictures, [&](int done, int) { bar.Update(done); }, graph);
}

// Prints how far each operator's int8 answers are from float.
void ReportErrors(const Graph& graph, const QuantizedGraph& quantized,
                  const Pictures& pictures) {
  constexpr std::size_t kMostPictures = 16;
  const auto some =
      std::span(pictures).first(std::min(pictures.size(), kMostPictures));
  std::optional<ProgressBar> bar(std::in_place, "compare",
                                 static_cast<int64_t>(some.size()));
  const std::vector<OpError> errors =
      MeasureErrors(graph, quantized, some, HostBackend(),
                    [&](int done, int) { bar->Update(done); });
  bar.reset();
  std::printf("int8 against float, %zu pictures\n", some.size());
  std::printf("%4s %-14s %-16s %11s %11s %11s %8s\n", "op", "output", "", "rms",
              "error rms", "largest", "SNR dB");
  for (std::size_t i = 0; i < errors.size(); ++i) {
    const int32_t output = graph.ops[i].output;
    std::printf("%4zu %-14s %-16s %11.4g %11.4g %11.4g %8.1f\n", i,
                ShapeText(graph.shape(output)).c_str(),
                graph.tensors[output].name.c_str(), errors[i].signal_rms,
                errors[i].error_rms, errors[i].largest,
                errors[i].signal_to_noise());
  }
}

void Rename(const CompileOptions& options, Graph* graph) {
  if (!options.name.empty()) graph->name = options.name;
}

// A TensorFlow Lite model is quantised already.
void CompileTflite(const CompileOptions& options) {
  if (!options.weights.empty()) {
    throw Failure(options.network + ": a .tflite file takes no WEIGHTS");
  }
  if (options.equalize) {
    throw Failure("--equalize is for networks in float (.onnx or .json)");
  }
  if (options.report) {
    throw Failure("--report is for networks in float (.onnx or .json)");
  }
  constexpr std::size_t kMaxTfliteBytes = std::size_t{256} << 20;
  const std::string file = OrFail(ReadFile(options.network, kMaxTfliteBytes));
  ImportedModel imported =
      ReadTflite(options.network,
                 {reinterpret_cast<const uint8_t*>(file.data()), file.size()});
  if (!options.head.empty()) {
    ApplyHeadDescription(options.head, &imported.graph);
  }
  Rename(options, &imported.graph);
  WriteModel(options.output, options.emit, imported.graph, imported.quantized,
             FindPlan(imported.graph, options.plan),
             FindTarget(options.plan.target));
}

// A float network, and the files behind its description.
void QuantizeAndWrite(const CompileOptions& options, Graph graph) {
  Rename(options, &graph);
  const Target target = FindTarget(options.plan.target);
  const PlanCandidate plan = FindPlan(graph, options.plan);
  const bool is_prescribed = IsPrescribed(graph);
  Pictures pictures;
  if (!is_prescribed || options.report) {
    pictures = ReadPictures(options, graph);
  }
  if (options.equalize) {
    if (is_prescribed) {
      throw Failure("--equalize is for networks without quantisation");
    }
    Equalize(pictures, &graph);
  }
  const QuantizedGraph quantized =
      is_prescribed ? Quantize(graph, WithoutCalibration(graph))
                    : Calibrated(options, graph, pictures);
  WriteModel(options.output, options.emit, graph, quantized, plan, target);
  if (is_prescribed) {
    std::printf("quantised as the model prescribes\n");
  } else {
    std::printf("calibrated on %zu pictures\n", pictures.size());
  }
  if (options.report) ReportErrors(graph, quantized, pictures);
}

void CompileOnnx(const CompileOptions& options) {
  if (!options.weights.empty()) {
    throw Failure(options.network + ": an .onnx file takes no WEIGHTS");
  }
  constexpr std::size_t kMaxOnnxBytes = std::size_t{512} << 20;
  const std::string file = OrFail(ReadFile(options.network, kMaxOnnxBytes));
  Graph graph =
      ReadOnnx(options.network,
               {reinterpret_cast<const uint8_t*>(file.data()), file.size()});
  if (!options.head.empty()) {
    ApplyHeadDescription(options.head, &graph);
  } else {
    // As PyTorch's ToTensor() makes it.
    graph.input_std = {255.0f, 255.0f, 255.0f};
    std::printf("input     pixel / 255 (--head says otherwise)\n");
  }
  QuantizeAndWrite(options, std::move(graph));
}

void CompileNetwork(const CompileOptions& options) {
  if (options.output.empty() && options.emit.empty()) {
    throw Failure("expected -o FILE or --emit-c DIR");
  }
  const fs::path extension = fs::path(options.network).extension();
  if (extension == ".tflite") return CompileTflite(options);
  if (extension == ".onnx") return CompileOnnx(options);
  if (!options.head.empty()) {
    throw Failure("--head is for imported models (.tflite, .onnx)");
  }
  if (options.weights.empty()) {
    throw Failure(
        options.network +
        ": expected WEIGHTS.safetensors behind it, or a .tflite or .onnx file");
  }
  const NetworkDescription network = ReadNetworkDescription(options.network);
  QuantizeAndWrite(options,
                   BuildGraph(network, Safetensors::Read(options.weights)));
}

// A compiled model under another plan: the same network, the same answers.
void PlanModel(const PlanModelOptions& options) {
  const ModelFile file(FindModel(options.model));
  const UnpackedModel unpacked = UnpackModel(file.model());
  WriteModel(options.output, "", unpacked.graph, unpacked.quantized,
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
                   "Network description (JSON, see detector/models), an int8 "
                   "TensorFlow Lite model (.tflite) or an ONNX model (.onnx)")
      ->required();
  command->add_option("WEIGHTS", options->weights,
                      "Trained weights (.safetensors, written by the trainer)");
  command->add_option("--head", options->head,
                      "What an imported model's outputs mean (JSON, see "
                      "detector/import/README.md)");
  command->add_option("--name", options->name,
                      "The model's name (default: the network's)");
  command->add_option("-o,--output", options->output, "The model to write");
  command->add_option("--emit-c", options->emit,
                      "Folder for the model as C++ sources, with an example "
                      "for firmware");
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
  command
      ->add_option("--ranges", options->ranges,
                   "How calibration chooses ranges: error (least squared "
                   "error), minmax, percentile or entropy")
      ->check(CLI::IsMember({"error", "minmax", "percentile", "entropy"}))
      ->capture_default_str();
  command->add_flag("--equalize", options->equalize,
                    "Scale the channels that depthwise convolutions read so "
                    "that each uses the range of int8");
  command->add_flag("--report", options->report,
                    "Print each operator's error, int8 against float");
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
