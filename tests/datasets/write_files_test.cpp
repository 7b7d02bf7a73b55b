// SPDX-License-Identifier: Apache-2.0
#include "datasets/write_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/datasets/temporary_folder.h"

namespace ocellus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

std::vector<std::string> NamesIn(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

// While it lives, a file cannot grow beyond `bytes`: the write fails half way,
// as it does on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int) = SIG_DFL;
};

TEST(WriteFiles, WritesAndReplaces) {
  const TemporaryFolder folder;
  const auto old = folder.Write("a.txt", "old and longer");
  const auto written = WriteFiles(
      std::vector<FileContent>{{old, "new"}, {folder.path() / "b.txt", ""}});
  ASSERT_TRUE(written.ok()) << written.error().message;
  EXPECT_THAT(written.value(), ElementsAre(old, folder.path() / "b.txt"));
  EXPECT_EQ(ContentOf(old), "new");
  EXPECT_THAT(NamesIn(folder.path()), UnorderedElementsAre("a.txt", "b.txt"));
}

TEST(WriteFiles, LeavesNothingHalfWrittenWhenTheDiskIsFull) {
  const TemporaryFolder folder;
  const auto old = folder.Write("a.txt", "old");
  const std::vector<FileContent> files = {
      {old, "new"}, {folder.path() / "b.txt", std::string(100000, 'x')}};
  std::string message;
  {
    const FileSizeLimit limit(4096);
    const auto written = WriteFiles(files);
    if (!written.ok()) message = written.error().message;
  }
  EXPECT_THAT(message, HasSubstr("b.txt: cannot write: File too large"));
  EXPECT_THAT(NamesIn(folder.path()), ElementsAre("a.txt"));
  EXPECT_EQ(ContentOf(old), "old");
}

TEST(WriteFiles, NamesAFileThatCannotBeMade) {
  const TemporaryFolder folder;
  const auto missing =
      WriteFiles(std::vector<FileContent>{{folder.path() / "no/a.txt", "x"}});
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.error().message,
              HasSubstr("no/a.txt: cannot write: No such file"));

  std::filesystem::create_directories(folder.path() / "taken/x");
  const auto taken =
      WriteFiles(std::vector<FileContent>{{folder.path() / "taken", "x"}});
  ASSERT_FALSE(taken.ok());
  EXPECT_THAT(taken.error().message, HasSubstr("taken: cannot write"));
  EXPECT_THAT(NamesIn(folder.path()), ElementsAre("taken"));
}

}  // namespace
}  // namespace ocellus
