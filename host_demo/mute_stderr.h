// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace ocellus {

// While it lives, nothing that anyone writes to stderr is seen. Image and video
// libraries print about bad files there, some without any switch for it, and
// the command says in its own line what went wrong. Nests; one thread.
class MuteStderr {
 public:
  MuteStderr();
  MuteStderr(const MuteStderr&) = delete;
  MuteStderr& operator=(const MuteStderr&) = delete;
  ~MuteStderr();

 private:
  int saved_ = -1;
};

// Turns off the messages that OpenCV, FFmpeg and Qt have switches for. To be
// called before any of them is used.
void SilenceLibraries();

}  // namespace ocellus
