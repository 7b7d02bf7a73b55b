// SPDX-License-Identifier: Apache-2.0
#include "datasets/voc/voc_dataset.h"

#include <cstddef>
#include <sstream>
#include <system_error>
#include <unordered_set>

#include "datasets/read_file.h"

namespace ocellus {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{1} << 28;

}  // namespace

Result<VocDataset> VocDataset::Open(const std::filesystem::path& devkit,
                                    std::string_view list) {
  VocDataset dataset;
  const std::size_t slash = list.find('/');
  if (slash == 0 || slash == std::string_view::npos ||
      slash + 1 == list.size() || list.find('/', slash + 1) != list.npos) {
    return Error{"image list \"" + std::string(list) +
                 "\": expected a year and a list, like VOC2007/val"};
  }
  dataset.year_ = list.substr(0, slash);
  dataset.list_name_ = list.substr(slash + 1);

  const std::filesystem::path year = devkit / dataset.year_;
  const std::filesystem::path lists = year / "ImageSets" / "Main";
  std::error_code ignored;
  if (!std::filesystem::is_directory(devkit, ignored)) {
    return Error{devkit.string() +
                 ": no such folder, expected a VOCdevkit folder"};
  }
  if (!std::filesystem::is_directory(lists, ignored)) {
    return Error{devkit.string() + ": not a VOCdevkit folder, expected " +
                 dataset.year_ + "/ImageSets/Main in it"};
  }

  const std::filesystem::path file = lists / (dataset.list_name_ + ".txt");
  if (!std::filesystem::exists(file, ignored)) {
    return Error{file.string() + ": no such image list, expected one of " +
                 lists.string() + "/*.txt"};
  }
  const Result<std::string> text = ReadFile(file, kMaxFileBytes);
  if (!text.ok()) return text.error();

  std::unordered_set<std::string> seen;
  std::istringstream lines(text.value());
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    std::istringstream words(line);
    std::string id;
    std::string rest;
    if (!(words >> id)) continue;
    const std::string place = file.string() + ":" + std::to_string(number);
    if (words >> rest) {
      return Error{place + ": \"" + line + "\", expected one image id a line"};
    }
    if (!seen.insert(id).second) {
      return Error{place + ": image " + id +
                   " is listed twice, expected each once"};
    }
    dataset.images_.push_back({id, year / "JPEGImages" / (id + ".jpg"),
                               year / "Annotations" / (id + ".xml")});
  }
  if (dataset.images_.empty()) {
    return Error{file.string() + ": empty, expected one image id a line"};
  }
  return dataset;
}

}  // namespace ocellus
