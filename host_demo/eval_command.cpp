// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "datasets/average_precision.h"
#include "datasets/voc/devkit_detections.h"
#include "datasets/voc/ground_truth.h"
#include "datasets/voc/voc_classes.h"
#include "datasets/voc/voc_dataset.h"
#include "host_demo/classification.h"
#include "host_demo/commands.h"
#include "host_demo/detector_session.h"
#include "host_demo/evaluation.h"
#include "host_demo/failure.h"
#include "host_demo/model_file.h"
#include "host_demo/model_options.h"
#include "host_demo/output_file.h"
#include "host_demo/plot.h"
#include "host_demo/progress_bar.h"
#include "host_demo/voc_folder.h"

namespace ocellus {
namespace {

namespace fs = std::filesystem;

struct EvalOptions {
  ModelOptions model;
  std::string voc;
  std::string list = "VOC2007/val";
  std::vector<std::string> classes;
  std::string imagenet_like;
  std::string detections;
  std::string write_detections;
  std::string json;
  std::string plot;
  std::size_t images = 0;  // 0: all
  std::size_t max_detections = 100;
  int threads = 2;
  double threshold = 0.005;
};

using ClassNames = std::vector<std::string_view>;

void PrintScores(const ClassNames& classes,
                 const std::vector<ClassScore>& scores,
                 const MeanAveragePrecision& mean) {
  const auto percent = [](const std::optional<double>& value) {
    if (!value) return std::string("-");
    char text[16];
    std::snprintf(text, sizeof text, "%.2f", *value * 100.0);
    return std::string(text);
  };
  std::printf("%-12s %9s %9s %8s\n", "class", "AP 11-pt", "AP area", "npos");
  int64_t objects = 0;
  for (std::size_t c = 0; c < scores.size(); ++c) {
    objects += scores[c].objects;
    std::printf("%-12s %9s %9s %8lld\n", std::string(classes[c]).c_str(),
                percent(scores[c].ap_11_point).c_str(),
                percent(scores[c].ap_area).c_str(),
                static_cast<long long>(scores[c].objects));
  }
  std::printf("%-12s %9s %9s %8lld\n", "mean",
              percent(mean.ap_11_point).c_str(), percent(mean.ap_area).c_str(),
              static_cast<long long>(objects));
}

std::string ScoresJson(const EvalOptions& options, const std::string& subject,
                       std::size_t images, const ClassNames& classes,
                       const std::vector<ClassScore>& scores,
                       const MeanAveragePrecision& mean,
                       const EvaluationRun* run) {
  using Json = nlohmann::ordered_json;
  Json json = {{"list", options.list},
               {"images", images},
               {run != nullptr ? "model" : "detections", subject}};
  if (run != nullptr) {
    json["score_threshold"] = options.threshold;
    json["max_detections"] = options.max_detections;
    json["backend"] = options.model.backend;
    json["threads"] = options.threads;
    json["images_per_s"] = static_cast<double>(images) / run->wall_s;
    json["inference_ms"] = run->mean_inference_ms;
  }
  json["map_11_point"] = mean.ap_11_point;
  json["map_area"] = mean.ap_area;
  json["classes"] = Json::object();
  for (std::size_t c = 0; c < scores.size(); ++c) {
    // Without objects there is no average precision: null.
    const auto number = [](const std::optional<double>& value) {
      return value ? Json(*value) : Json();
    };
    json["classes"][std::string(classes[c])] = {
        {"ap_11_point", number(scores[c].ap_11_point)},
        {"ap_area", number(scores[c].ap_area)},
        {"npos", scores[c].objects},
        {"true_positives", scores[c].true_positives},
        {"false_positives", scores[c].false_positives}};
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void Plot(const EvalOptions& options, const std::string& subject,
          std::size_t images, const ClassNames& classes,
          const std::vector<ClassScore>& scores,
          const MeanAveragePrecision& mean) {
  std::vector<PrecisionRecall> curves;
  for (std::size_t c = 0; c < scores.size(); ++c) {
    PrecisionRecall curve;
    curve.class_name = classes[c];
    curve.average_precision = scores[c].ap_11_point.value_or(0.0);
    for (const PrecisionRecallPoint& point : scores[c].curve) {
      curve.recall.push_back(point.recall);
      curve.precision.push_back(point.precision);
    }
    curves.push_back(std::move(curve));
  }
  char title[256];
  std::snprintf(title, sizeof title,
                "%s on %s, %zu images: mAP %.1f (11-point), %.1f (area)",
                subject.c_str(), options.list.c_str(), images,
                mean.ap_11_point * 100.0, mean.ap_area * 100.0);
  PlotPng(PrecisionRecallPlotScript(title, curves), 1500, 1150, options.plot);
  std::printf("wrote %s\n", options.plot.c_str());
}

// Those asked for, else the model's, else Pascal VOC's.
ClassNames ClassesToScore(const EvalOptions& options, const ModelFile* model) {
  if (!options.classes.empty()) {
    return {options.classes.begin(), options.classes.end()};
  }
  if (model != nullptr) {
    return {model->class_names().begin(), model->class_names().end()};
  }
  return {kVocClasses.begin(), kVocClasses.end()};
}

void Eval(const EvalOptions& options) {
  const VocDataset dataset =
      OrFail(VocDataset::Open(FindVoc(options.voc), options.list));
  const std::size_t all = dataset.images().size();
  const std::size_t images =
      options.images == 0 ? all : std::min(options.images, all);

  std::unique_ptr<ModelFile> model;
  DetectionsByClass detections;
  std::string subject = options.detections;
  if (options.detections.empty()) {
    model = std::make_unique<ModelFile>(
        FindModel(options.model.model, kShippedTwin));
    subject = model->model().name();
  }
  const ClassNames classes = ClassesToScore(options, model.get());
  if (!model) {
    detections =
        OrFail(ReadDevkitDetections(options.detections, dataset, classes));
  }
  GroundTruth truth = OrFail(ReadGroundTruth(dataset, classes));
  KeepFirstImages(images, &truth, &detections);

  EvaluationRun run;
  if (model) {
    ProgressBar bar("eval", static_cast<int64_t>(images));
    run = DetectInDataset(
        dataset, truth, *model, FindBackend(options.model.backend),
        {.classes = classes,
         .image_count = images,
         .threads = options.threads,
         .score_threshold = static_cast<float>(options.threshold),
         .max_detections = options.max_detections},
        [&bar](int64_t done) { bar.Update(done); });
    detections = run.detections;
  }
  std::vector<ClassScore> scores;
  for (std::size_t c = 0; c < classes.size(); ++c) {
    scores.push_back(AveragePrecision(truth.objects[c], detections[c]));
  }
  const MeanAveragePrecision mean = MeanOf(scores);

  std::printf("%s on %s, %zu of %zu images\n\n", subject.c_str(),
              options.list.c_str(), images, all);
  PrintScores(classes, scores, mean);
  if (model) {
    std::printf(
        "\n%.1f images/s on %d threads; inference %.2f ms an image on "
        "one thread\n",
        static_cast<double>(images) / run.wall_s, options.threads,
        run.mean_inference_ms);
  }
  if (!options.write_detections.empty()) {
    // "comp3": trained on the challenge's own data only.
    const auto written = OrFail(WriteDevkitDetections(
        options.write_detections, "comp3", dataset, classes, detections));
    std::printf("wrote %zu files into %s\n", written.size(),
                options.write_detections.c_str());
  }
  if (!options.json.empty()) {
    WriteFile(options.json, ScoresJson(options, subject, images, classes,
                                       scores, mean, model ? &run : nullptr));
    std::printf("wrote %s\n", options.json.c_str());
  }
  if (!options.plot.empty())
    Plot(options, subject, images, classes, scores, mean);
}

std::string AccuracyJson(const EvalOptions& options, const ModelFile& model,
                         const ClassificationRun& run) {
  using Json = nlohmann::ordered_json;
  const auto share = [](int64_t part, int64_t of) {
    return of == 0 ? Json()
                   : Json(static_cast<double>(part) / static_cast<double>(of));
  };
  const ClassificationCount total = run.total();
  Json json = {{"folder", options.imagenet_like},
               {"images", total.images},
               {"model", model.model().name()},
               {"backend", options.model.backend},
               {"threads", options.threads},
               {"images_per_s", static_cast<double>(total.images) / run.wall_s},
               {"inference_ms", run.mean_inference_ms},
               {"top1", share(total.top1, total.images)},
               {"top5", share(total.top5, total.images)},
               {"classes", Json::object()}};
  for (std::size_t c = 0; c < run.classes.size(); ++c) {
    const ClassificationCount& count = run.classes[c];
    json["classes"][model.class_names()[c]] = {
        {"images", count.images},
        {"top1", share(count.top1, count.images)},
        {"top5", share(count.top5, count.images)}};
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

// How often a classifier is right.
void EvalClassifier(const EvalOptions& options) {
  const ModelFile model(FindModel(options.model.model));
  if (model.model().header().encoding !=
      static_cast<uint16_t>(format::BoxEncoding::kClassifier)) {
    throw Failure(model.path() + ": not a classifier");
  }
  std::vector<LabelledPicture> pictures =
      ReadClassFolders(options.imagenet_like, model.class_names());
  const std::size_t all = pictures.size();
  if (options.images != 0) pictures.resize(std::min(options.images, all));
  ClassificationRun run;
  {
    ProgressBar bar("eval", static_cast<int64_t>(pictures.size()));
    run = Classify(pictures, model, FindBackend(options.model.backend),
                   options.threads, [&bar](int64_t done) { bar.Update(done); });
  }
  const ClassificationCount total = run.total();
  const auto percent = [&](int64_t right) {
    return 100.0 * static_cast<double>(right) /
           static_cast<double>(total.images);
  };
  std::printf("%s on %s, %zu of %zu images\n\n",
              std::string(model.model().name()).c_str(),
              options.imagenet_like.c_str(), pictures.size(), all);
  std::printf("top-1 %6.2f %%\ntop-5 %6.2f %%\n", percent(total.top1),
              percent(total.top5));
  std::printf(
      "\n%.1f images/s on %d threads; inference %.2f ms an image on one "
      "thread\n",
      static_cast<double>(total.images) / run.wall_s, options.threads,
      run.mean_inference_ms);
  if (options.json.empty()) return;
  WriteFile(options.json, AccuracyJson(options, model, run));
  std::printf("wrote %s\n", options.json.c_str());
}

}  // namespace

void AddEvalCommand(CLI::App& app) {
  const auto options = std::make_shared<EvalOptions>();
  CLI::App* command = app.add_subcommand(
      "eval",
      "Average precision on a Pascal VOC image list, or a classifier's "
      "accuracy");
  CLI::Option* classes_folder = command->add_option(
      "--imagenet-like", options->imagenet_like,
      "Accuracy of a classifier instead, on a folder with a folder of pictures "
      "for each class");
  command->add_option("--voc", options->voc,
                      "Folder VOCdevkit (default: $OCELLUS_VOC, else "
                      "../shared/voc/VOCdevkit)");
  command->add_option("--list", options->list, "Image list, YEAR/LIST")
      ->capture_default_str();
  command
      ->add_option("--classes", options->classes,
                   "Classes to score, comma between (default: the model's; "
                   "with --detections Pascal VOC's)")
      ->delimiter(',');
  command
      ->add_option("--images", options->images,
                   "Only the first N images count (default: all)")
      ->check(CLI::PositiveNumber);
  command->add_option("--threads", options->threads, "Threads")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  command->add_option("--threshold", options->threshold, "Lowest score to keep")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command
      ->add_option("--max-detections", options->max_detections,
                   "Most detections in an image")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--json", options->json, "Write the scores as JSON");
  command->add_option("--plot", options->plot,
                      "Write a PNG of precision against recall");
  command->add_option("--write-detections", options->write_detections,
                      "Write detections in the devkit's text format");
  command->add_option("--detections", options->detections,
                      "Score these devkit text files (folder, or path with %s "
                      "for the class) instead of running a model");
  for (const char* other : {"--voc", "--list", "--classes", "--plot",
                            "--write-detections", "--detections"}) {
    classes_folder->excludes(command->get_option(other));
  }
  AddModelOptions(*command, options->model, kShippedTwin);
  command->callback([options] {
    options->imagenet_like.empty() ? Eval(*options) : EvalClassifier(*options);
  });
}

}  // namespace ocellus
