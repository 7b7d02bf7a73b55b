// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "datasets/average_precision.h"
#include "datasets/result.h"
#include "datasets/voc/voc_dataset.h"

// Detections in the text format of the VOC development kit: one file a class,
// <prefix>_det_<list>_<class>.txt (comp4_det_val_person.txt), and one line a
// detection: image id, score, xmin, ymin, xmax, ymax.
namespace ocellus {

// By class, then in the order of the lines. ScoredDetection::image is an index
// into VocDataset::images().
using DetectionsByClass = std::vector<std::vector<ScoredDetection>>;

// Reads the files of all classes.
//
//   source  a folder that holds one file for each class, or a path with %s
//           where the class goes: results/comp4_det_val_%s.txt
//
// Errors, naming the file and line: a class without a file, or with several of
// different prefixes; a line that is not an image of the dataset and five
// finite numbers. Boxes with min above max are let through and match nothing,
// as in the kit.
Result<DetectionsByClass> ReadDevkitDetections(
    const std::filesystem::path& source, const VocDataset& dataset,
    std::span<const std::string_view> classes);

// Writes one file a class into `folder`, made if it is missing. Every number
// has the digits that read back to the same bits. All files appear or, after
// an error such as a full disk, none half-written (see WriteFiles()). Also an
// error: an image index outside the dataset, a number that is not finite.
//
// Returns the paths written.
Result<std::vector<std::filesystem::path>> WriteDevkitDetections(
    const std::filesystem::path& folder, std::string_view prefix,
    const VocDataset& dataset, std::span<const std::string_view> classes,
    const DetectionsByClass& detections);

}  // namespace ocellus
