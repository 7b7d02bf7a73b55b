// SPDX-License-Identifier: Apache-2.0
//
// Runs emitted sources on a picture of the host, in QEMU:
//
//   emitted PICTURE OUTPUT
//
// PICTURE is the RGB bytes, OUTPUT gets those of every output of the network
// and then the objects that were found, as they are in memory.
#include <array>
#include <span>

#include "firmware/boards/mps2_an500/semihosting.h"
#include "firmware/boards/mps2_an500/uart.h"
#include "model.h"
#include "ocellus_example.h"

namespace {

using ocellus::an500::HostFile;

std::array<char, 512> command_line;
std::array<std::uint8_t, ocellus_model::kWidth * 3> row;
std::array<ocellus_model::Object, 100> objects;

// The second and third word of the command line, cut off in place.
std::array<const char*, 2> FileNames() {
  std::array<const char*, 2> names = {"", ""};
  std::size_t word = 0;
  for (char* at = command_line.data(); *at != '\0'; ++at) {
    if (*at != ' ') continue;
    *at = '\0';
    if (word < names.size()) names[word++] = at + 1;
  }
  return names;
}

}  // namespace

extern "C" [[noreturn]] void BoardMain() {
  ocellus::an500::StartUart();
  ocellus::an500::ReadCommandLine(command_line);
  const std::array<const char*, 2> names = FileNames();
  if (!ocellus_model::Start()) {
    ocellus::an500::Fail("model", "did not start");
  }
  HostFile picture(names[0], HostFile::Mode::kRead);
  ocellus_model::BeginImage();
  for (int y = 0; y < ocellus_model::kHeight; ++y) {
    picture.Read(std::as_writable_bytes(std::span(row)));
    ocellus_model::AddRow(row.data());
  }
  const int count = ocellus_model::FinishImage(
      objects.data(), static_cast<int>(objects.size()));
  HostFile output(names[1], HostFile::Mode::kWrite);
  int bytes = 0;
  for (int i = 0; const std::int8_t* data = ocellus_model::Output(i, &bytes);
       ++i) {
    output.Write(
        std::as_bytes(std::span(data, static_cast<std::size_t>(bytes))));
  }
  for (int i = 0; i < count; ++i) {
    output.Write(std::as_bytes(std::span(&objects[i].class_id, 1)));
    output.Write(std::as_bytes(std::span(&objects[i].score, 5)));
  }
  ocellus::an500::Exit(0);
}
