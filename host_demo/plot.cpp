// SPDX-License-Identifier: Apache-2.0
#include "host_demo/plot.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <sstream>

#include "host_demo/failure.h"
#include "host_demo/output_file.h"

extern char** environ;

namespace ocellus {
namespace {

// An anonymous file in memory.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(memfd_create("ocellus-plot", MFD_CLOEXEC)) {
    if (descriptor_ < 0) {
      throw Failure("no file in memory for gnuplot: " + ErrnoText(errno));
    }
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { close(descriptor_); }

  int descriptor() const { return descriptor_; }

  void Fill(const std::string& bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t count =
          write(descriptor_, bytes.data() + done, bytes.size() - done);
      if (count < 0) {
        throw Failure("no room in memory for gnuplot: " + ErrnoText(errno));
      }
      done += static_cast<std::size_t>(count);
    }
    lseek(descriptor_, 0, SEEK_SET);
  }

  std::string Content() const {
    std::string bytes;
    std::array<char, 1 << 16> block;
    lseek(descriptor_, 0, SEEK_SET);
    for (ssize_t count;
         (count = read(descriptor_, block.data(), block.size())) > 0;) {
      bytes.append(block.data(), static_cast<std::size_t>(count));
    }
    return bytes;
  }

 private:
  int descriptor_;
};

// gnuplot repeats the line, points at the column and then explains, e.g.
// `line 0: undefined variable`. The last non-empty line is the explanation.
std::string LastLine(const std::string& text) {
  std::istringstream lines(text);
  std::string last;
  for (std::string line; std::getline(lines, line);) {
    if (line.find_first_not_of(" \t") != std::string::npos) last = line;
  }
  return last.substr(std::min(last.size(), last.find_first_not_of(" \t")));
}

bool IsCompletePng(const std::string& bytes) {
  // The last chunk of every PNG, with its checksum.
  return bytes.starts_with("\x89PNG") && bytes.ends_with(
                                             "IEND\xAE"
                                             "B`\x82");
}

double Kibibytes(int64_t bytes) { return static_cast<double>(bytes) / 1024.0; }

}  // namespace

void PlotPng(const std::string& script, int width, int height,
             const std::string& path) {
  std::ostringstream full;
  full << "set terminal pngcairo size " << width << "," << height
       << " font 'DejaVu Sans,10' noenhanced\n"
       << "set encoding utf8\n"
       << script << "\n";
  MemoryFile input;
  MemoryFile output;
  MemoryFile errors;
  input.Fill(full.str());

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input.descriptor(), 0);
  posix_spawn_file_actions_adddup2(&actions, output.descriptor(), 1);
  posix_spawn_file_actions_adddup2(&actions, errors.descriptor(), 2);
  // -d: without the user's start-up files.
  std::string program = "gnuplot";
  std::string no_startup = "-d";
  char* arguments[] = {program.data(), no_startup.data(), nullptr};
  pid_t child = -1;
  const int spawned = posix_spawnp(&child, program.c_str(), &actions, nullptr,
                                   arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (spawned != 0) {
    throw Failure("cannot plot " + path + ": gnuplot " +
                  (spawned == ENOENT
                       ? "is not installed (apt install gnuplot-nox)"
                       : "does not start: " + ErrnoText(spawned)));
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const std::string png = output.Content();
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || !IsCompletePng(png)) {
    const std::string reason = LastLine(errors.Content());
    throw Failure(
        "cannot plot " + path + ": gnuplot " +
        (reason.empty() ? "gave no complete picture" : "says: " + reason));
  }
  WriteFile(path, png);
}

std::string PlotString(const std::string& text) {
  // Within single quotes gnuplot takes all but the quote itself literally.
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') quoted += '\'';
    quoted += c == '\n' ? ' ' : c;
  }
  return quoted + "'";
}

std::string MemoryPlotScript(const std::string& model_name,
                             const ModelReport& report) {
  const int op_count = static_cast<int>(report.ops.size());
  std::ostringstream script;
  script << "$live << END_OF_DATA\n";
  for (int i = 0; i < op_count; ++i) {
    const OpReport& op = report.ops[i];
    script << i << " " << Kibibytes(op.live_bytes) << " "
           << Kibibytes(op.live_bytes_paper) << " "
           << (i == report.peak_op                       ? "0xd62728"
               : op.kind == "depthwise"                  ? "0x4c9f70"
               : op.kind == "add" || op.kind == "resize" ? "0xc9a227"
                                                         : "0x4878a8")
           << "\n";
  }
  script << "END_OF_DATA\n";
  const double peak = Kibibytes(report.peak_live_bytes);
  const double arena = Kibibytes(report.arena_bytes);
  const OpReport& peak_op = report.ops[report.peak_op];
  const bool right_half = report.peak_op > op_count / 2;
  script.precision(1);
  script << std::fixed;
  script << "set title "
         << PlotString(model_name +
                       ": bytes that are live while each "
                       "operator runs")
         << " font ',13'\n"
         << "set xlabel 'operator, in order of execution'\n"
         << "set ylabel 'KiB of SRAM'\n"
         << "set grid ytics lc rgb '#dddddd'\n"
         << "set border 3\nset tics nomirror out\n"
         << "set xrange [-1:" << op_count << "]\n"
         << "set yrange [0:" << arena * 1.22 << "]\n"
         << "set key top center horizontal samplen 1.5\n"
         << "set style fill solid 1.0 noborder\nset boxwidth 0.8\n"
         << "set label 1 "
         << PlotString("peak " + GroupedText(report.peak_live_bytes) +
                       " bytes: " + peak_op.kind + " " + peak_op.name)
         << " at " << report.peak_op << "," << peak << " offset "
         << (right_half ? "-1" : "1") << ",0.9 "
         << (right_half ? "right" : "left") << " tc rgb '#d62728'\n"
         << "plot $live using 1:2:4 with boxes lc rgb variable notitle,"
         << " keyentry with boxes lc rgb 0x4878a8 title 'convolution',"
         << " keyentry with boxes lc rgb 0x4c9f70 title 'depthwise',"
         << " keyentry with boxes lc rgb 0xc9a227 title 'add, resize',"
         << " $live using 1:3 with points pt 7 ps 0.5 lc rgb '#222222'"
         << " title 'without input image and rings',"
         << " " << arena << " with lines dt 2 lw 1.5 lc rgb '#d62728' title "
         << PlotString("planned arena, " + GroupedText(report.arena_bytes) +
                       " bytes")
         << "\n";
  return script.str();
}

std::string PrecisionRecallPlotScript(
    const std::string& title, const std::vector<PrecisionRecall>& curves) {
  std::ostringstream script;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    script << "$curve" << i << " << END_OF_DATA\n";
    // Steps that no eye sees are left out.
    constexpr double kStep = 0.001;
    double last_recall = -1.0;
    double last_precision = -1.0;
    const std::size_t points = curves[i].recall.size();
    // Until the first hit there is no recall: the curve starts level.
    if (points > 0) script << "0 " << curves[i].precision[0] << "\n";
    for (std::size_t p = 0; p < points; ++p) {
      const double recall = curves[i].recall[p];
      const double precision = curves[i].precision[p];
      if (p + 1 < points && std::abs(recall - last_recall) < kStep &&
          std::abs(precision - last_precision) < kStep) {
        continue;
      }
      script << recall << " " << precision << "\n";
      last_recall = recall;
      last_precision = precision;
    }
    // gnuplot refuses a block without a point.
    if (points == 0) script << "0 0\n";
    script << "END_OF_DATA\n";
  }
  const std::size_t columns = std::min<std::size_t>(5, curves.size());
  const std::size_t rows = (curves.size() + columns - 1) / columns;
  script << "set multiplot layout " << rows << "," << columns << " title "
         << PlotString(title)
         << " font ',15' margins 0.045,0.985,0.06,0.925 spacing 0.03,0.055\n"
         << "set xrange [0:1]\nset yrange [0:1.02]\n"
         << "set border 3 lc rgb '#888888'\nset tics nomirror out scale 0.5\n"
         << "set xtics 0,0.5,1\nset ytics 0,0.5,1\n"
         << "set grid lc rgb '#e4e4e4'\nunset key\n";
  for (std::size_t i = 0; i < curves.size(); ++i) {
    char text[64];
    std::snprintf(text, sizeof text, "   AP %.1f",
                  curves[i].average_precision * 100.0);
    const bool bottom = i + columns >= curves.size();
    script << "set title " << PlotString(curves[i].class_name + text)
           << " offset 0,-0.6 font ',11'\n"
           << (bottom ? "set xlabel 'recall' offset 0,0.6\n" : "unset xlabel\n")
           << (i % columns == 0 ? "set ylabel 'precision' offset 1.5,0\n"
                                : "unset ylabel\n")
           << "plot $curve" << i
           << " with filledcurves y1=0 fc rgb '#dbe7f3' fs solid 1.0 noborder,"
           << " $curve" << i << " with lines lw 2 lc rgb '#2b6cb0'\n";
  }
  script << "unset multiplot\n";
  return script.str();
}

}  // namespace ocellus
