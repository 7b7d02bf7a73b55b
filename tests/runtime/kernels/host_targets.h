// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <hwy/highway.h>

#include "runtime/kernels/backend.h"

namespace ocellus::kernels::testing {

// Calls test(backend) with the host backend of every Highway target that this
// processor has, and names the target if the test fails.
template <typename Test>
void ForEachHostBackend(const Test& test) {
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    const Backend& backend = HostBackend();
    SCOPED_TRACE(backend.name);
    test(backend);
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

// The same with the backends that are not for the host, in their portable form.
template <typename Test>
void ForEachFastBackend(const Test& test) {
  {
    SCOPED_TRACE(CortexM7Backend().name);
    test(CortexM7Backend());
  }
  ForEachHostBackend(test);
}

// The same, and before them the reference.
template <typename Test>
void ForEachBackend(const Test& test) {
  {
    SCOPED_TRACE(ReferenceBackend().name);
    test(ReferenceBackend());
  }
  ForEachFastBackend(test);
}

}  // namespace ocellus::kernels::testing
