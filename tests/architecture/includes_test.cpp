// SPDX-License-Identifier: Apache-2.0

// The dependencies between folders, checked on the text of every source file.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace ocellus {
namespace {

namespace fs = std::filesystem;

struct Include {
  fs::path file;  // relative to the source tree
  std::string header;
  bool is_system;
};

// What stands between < and > or two quotes behind #include, if it does.
std::optional<Include> ParseInclude(const std::string& line) {
  std::istringstream words(line);
  std::string directive;
  std::string header;
  words >> directive >> header;
  if (directive != "#include" || header.size() < 3) return std::nullopt;
  return Include{{}, header.substr(1, header.size() - 2), header[0] == '<'};
}

std::vector<Include> IncludesBelow(const std::string& folder) {
  const fs::path root = OCELLUS_SOURCE_DIR;
  std::vector<Include> includes;
  for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
    const std::string extension = entry.path().extension();
    if (extension != ".h" && extension != ".cpp") continue;
    std::ifstream file(entry.path());
    bool in_text = false;  // a raw string of several lines: no code of ours
    for (std::string line; std::getline(file, line);) {
      const std::size_t begin = line.rfind("R\"(");
      const std::size_t end = line.rfind(")\"");
      if (begin != std::string::npos || end != std::string::npos) {
        in_text = begin != std::string::npos &&
                  (end == std::string::npos || end < begin);
      }
      if (in_text) continue;
      if (std::optional<Include> include = ParseInclude(line)) {
        include->file = fs::relative(entry.path(), root);
        includes.push_back(*include);
      }
    }
  }
  return includes;
}

std::string FirstFolder(const std::string& header) {
  return header.substr(0, header.find('/'));
}

TEST(Includes, FollowTheArrowsBetweenFolders) {
  const std::map<std::string, std::set<std::string>> allowed = {
      {"runtime", {"runtime"}},
      {"postprocess", {"postprocess", "runtime"}},
      {"detector", {"detector", "runtime"}},
      {"datasets", {"datasets", "postprocess"}},
      {"firmware", {"firmware", "postprocess", "runtime"}},
      {"host_demo",
       {"host_demo", "datasets", "detector", "postprocess", "runtime"}},
  };
  for (const auto& [folder, targets] : allowed) {
    const std::vector<Include> includes = IncludesBelow(folder);
    EXPECT_FALSE(includes.empty()) << folder;
    for (const Include& include : includes) {
      if (include.is_system) continue;
      EXPECT_TRUE(targets.contains(FirstFolder(include.header)))
          << include.file << " includes " << include.header;
    }
  }
}

TEST(Includes, KeepRegistersBelowTheBoard) {
  for (const char* folder : {"firmware/app", "firmware/camera"}) {
    const std::vector<Include> includes = IncludesBelow(folder);
    EXPECT_FALSE(includes.empty()) << folder;
    for (const Include& include : includes) {
      EXPECT_FALSE(include.header.starts_with("firmware/stm32h7/") ||
                   include.header.starts_with("firmware/boards/"))
          << include.file << " includes " << include.header;
    }
  }
}

TEST(Includes, OfCodeForBoardsAreFreestanding) {
  const std::set<std::string> allowed = {"algorithm", "array",   "bit",
                                         "cstddef",   "cstdint", "cstring",
                                         "limits",    "span",    "type_traits"};
  for (const char* folder : {"runtime", "postprocess"}) {
    for (const Include& include : IncludesBelow(folder)) {
      // The SIMD kernels of desktop processors do not run on boards.
      const bool for_host =
          include.file.string().starts_with("runtime/kernels/host/");
      if (!include.is_system || for_host) continue;
      EXPECT_TRUE(allowed.contains(include.header))
          << include.file << " includes " << include.header;
    }
  }
}

}  // namespace
}  // namespace ocellus
