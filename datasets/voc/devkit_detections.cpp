// SPDX-License-Identifier: Apache-2.0
#include "datasets/voc/devkit_detections.h"

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <system_error>
#include <unordered_map>

#include "datasets/read_file.h"
#include "datasets/write_files.h"

namespace ocellus {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{1} << 30;

using ImageIndex = std::unordered_map<std::string, int32_t>;

std::string FileEnd(const VocDataset& dataset, std::string_view class_name) {
  return "_det_" + dataset.list_name() + "_" + std::string(class_name) + ".txt";
}

Result<std::filesystem::path> FileInFolder(const std::filesystem::path& folder,
                                           const std::string& file_end) {
  std::filesystem::path found;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end;
       !error && entry != end; entry.increment(error)) {
    const std::filesystem::path& path = entry->path();
    if (!path.filename().string().ends_with(file_end)) continue;
    if (!found.empty()) {
      return Error{folder.string() + ": both " + found.filename().string() +
                   " and " + path.filename().string() +
                   ", expected one file for each class; name them by a " +
                   "pattern like " + folder.string() + "/comp4_det_val_%s.txt"};
    }
    found = path;
  }
  if (error) {
    return Error{folder.string() + ": cannot list: " + error.message()};
  }
  if (found.empty()) {
    return Error{folder.string() + ": no detections, expected a file *" +
                 file_end};
  }
  return found;
}

template <typename Number>
bool ParseFinite(const std::string& text, Number& number) {
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  return parsed.ec == std::errc() && parsed.ptr == end && std::isfinite(number);
}

Result<std::vector<ScoredDetection>> ReadClass(
    const std::filesystem::path& file, const ImageIndex& image_index) {
  const Result<std::string> text = ReadFile(file, kMaxFileBytes);
  if (!text.ok()) return text.error();
  std::vector<ScoredDetection> detections;
  std::istringstream lines(text.value());
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    std::istringstream line_words(line);
    std::vector<std::string> words;
    for (std::string word; line_words >> word;) words.push_back(word);
    if (words.empty()) continue;

    const auto failure = [&](const std::string& what) {
      return Error{file.string() + ":" + std::to_string(number) + ": " + what};
    };
    if (words.size() != 6) {
      return failure(std::to_string(words.size()) +
                     " fields, expected 6: image id, score, xmin, ymin, xmax, "
                     "ymax");
    }
    ScoredDetection detection;
    const auto image = image_index.find(words[0]);
    if (image == image_index.end()) {
      return failure("image \"" + words[0] +
                     "\", expected one of the image list");
    }
    detection.image = image->second;
    if (!ParseFinite(words[1], detection.score)) {
      return failure("score \"" + words[1] + "\", expected a finite number");
    }
    float* const coordinates[] = {
        &detection.box_in_image.x_min, &detection.box_in_image.y_min,
        &detection.box_in_image.x_max, &detection.box_in_image.y_max};
    for (std::size_t i = 0; i < 4; ++i) {
      if (!ParseFinite(words[2 + i], *coordinates[i])) {
        return failure("coordinate \"" + words[2 + i] +
                       "\", expected a finite number");
      }
    }
    detections.push_back(detection);
  }
  return detections;
}

template <typename Number>
void AppendNumber(std::string& text, Number number) {
  // The shortest form that reads back to the same bits.
  char digits[64];
  const auto written = std::to_chars(digits, digits + sizeof(digits), number);
  text += ' ';
  text.append(digits, written.ptr);
}

bool IsFinite(const ScoredDetection& detection) {
  const BoundingBox& box = detection.box_in_image;
  return std::isfinite(detection.score) && std::isfinite(box.x_min) &&
         std::isfinite(box.y_min) && std::isfinite(box.x_max) &&
         std::isfinite(box.y_max);
}

}  // namespace

Result<DetectionsByClass> ReadDevkitDetections(
    const std::filesystem::path& source, const VocDataset& dataset,
    std::span<const std::string_view> classes) {
  std::error_code ignored;
  const bool is_folder = std::filesystem::is_directory(source, ignored);
  const std::string pattern = source.string();
  const std::size_t place = pattern.rfind("%s");
  if (!is_folder && place == std::string::npos) {
    return Error{pattern +
                 ": no such folder, expected one, or a pattern with %s where "
                 "the class goes"};
  }

  ImageIndex image_index;
  for (std::size_t i = 0; i < dataset.images().size(); ++i) {
    image_index[dataset.images()[i].id] = static_cast<int32_t>(i);
  }
  DetectionsByClass detections;
  for (const std::string_view class_name : classes) {
    std::filesystem::path file;
    if (is_folder) {
      Result<std::filesystem::path> found =
          FileInFolder(source, FileEnd(dataset, class_name));
      if (!found.ok()) return found.error();
      file = found.value();
    } else {
      file = std::string(pattern).replace(place, 2, class_name);
    }
    Result<std::vector<ScoredDetection>> of_class =
        ReadClass(file, image_index);
    if (!of_class.ok()) return of_class.error();
    detections.push_back(std::move(of_class).value());
  }
  return detections;
}

Result<std::vector<std::filesystem::path>> WriteDevkitDetections(
    const std::filesystem::path& folder, std::string_view prefix,
    const VocDataset& dataset, std::span<const std::string_view> classes,
    const DetectionsByClass& detections) {
  if (detections.size() != classes.size()) {
    return Error{folder.string() + ": detections of " +
                 std::to_string(detections.size()) + " classes, expected " +
                 std::to_string(classes.size())};
  }
  std::vector<FileContent> files;
  for (std::size_t c = 0; c < classes.size(); ++c) {
    const std::string name = std::string(prefix) + FileEnd(dataset, classes[c]);
    if (name.find('/') != std::string::npos) {
      return Error{folder.string() + ": file name \"" + name +
                   "\", expected one without a slash"};
    }
    FileContent file{folder / name, {}};
    for (const ScoredDetection& detection : detections[c]) {
      if (detection.image < 0 || static_cast<std::size_t>(detection.image) >=
                                     dataset.images().size()) {
        return Error{file.path.string() + ": image index " +
                     std::to_string(detection.image) + ", expected 0 to " +
                     std::to_string(dataset.images().size() - 1)};
      }
      const std::string& id =
          dataset.images()[static_cast<std::size_t>(detection.image)].id;
      if (!IsFinite(detection)) {
        return Error{file.path.string() + ": detection in image " + id +
                     " with a score or coordinate that is infinite or NaN, "
                     "expected finite numbers"};
      }
      file.bytes += id;
      AppendNumber(file.bytes, detection.score);
      AppendNumber(file.bytes, detection.box_in_image.x_min);
      AppendNumber(file.bytes, detection.box_in_image.y_min);
      AppendNumber(file.bytes, detection.box_in_image.x_max);
      AppendNumber(file.bytes, detection.box_in_image.y_max);
      file.bytes += '\n';
    }
    files.push_back(std::move(file));
  }

  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return Error{folder.string() +
                 ": cannot make this folder: " + error.message()};
  }
  return WriteFiles(files);
}

}  // namespace ocellus
