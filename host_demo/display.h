// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace ocellus {

// Whether HighGUI can open windows: a display is named and answers. Tried in a
// child process, because some of its toolkits abort when there is none.
bool CanOpenWindows();

}  // namespace ocellus
