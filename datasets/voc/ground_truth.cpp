// SPDX-License-Identifier: Apache-2.0
#include "datasets/voc/ground_truth.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "datasets/voc/annotation.h"

namespace ocellus {
namespace {

std::string Joined(std::span<const std::string_view> names) {
  std::string joined;
  for (const std::string_view name : names) {
    if (!joined.empty()) joined += ", ";
    joined += name;
  }
  return joined;
}

}  // namespace

Result<GroundTruth> ReadGroundTruth(const VocDataset& dataset,
                                    std::span<const std::string_view> classes) {
  GroundTruth truth;
  truth.objects.resize(classes.size());
  for (std::size_t i = 0; i < dataset.images().size(); ++i) {
    const VocImage& image = dataset.images()[i];
    const Result<VocAnnotation> annotation = ReadAnnotation(image.annotation);
    if (!annotation.ok()) return annotation.error();
    truth.image_sizes.push_back(
        {annotation.value().width, annotation.value().height});
    for (const VocObject& object : annotation.value().objects) {
      const auto found =
          std::find(classes.begin(), classes.end(), object.class_name);
      if (found == classes.end()) continue;
      truth.objects[static_cast<std::size_t>(found - classes.begin())]
          .push_back(
              {static_cast<int32_t>(i), object.box_in_image, object.difficult});
    }
  }
  const bool nothing =
      std::all_of(truth.objects.begin(), truth.objects.end(),
                  [](const std::vector<GroundTruthObject>& of_class) {
                    return of_class.empty();
                  });
  if (nothing && !dataset.images().empty()) {
    return Error{dataset.images().front().annotation.parent_path().string() +
                 ": no object of " + Joined(classes) + " in the " +
                 std::to_string(dataset.images().size()) +
                 " images of the list"};
  }
  return truth;
}

}  // namespace ocellus
