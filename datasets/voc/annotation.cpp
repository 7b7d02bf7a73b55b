// SPDX-License-Identifier: Apache-2.0
#include "datasets/voc/annotation.h"

#include <pugixml.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "datasets/read_file.h"

namespace ocellus {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{1} << 24;
constexpr int32_t kMaxImageSide = 1 << 20;

std::string_view Text(const pugi::xml_node& parent, const char* child) {
  constexpr std::string_view kSpace = " \t\r\n";
  std::string_view text = parent.child_value(child);
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  text.remove_suffix(text.size() - (text.find_last_not_of(kSpace) + 1));
  return text;
}

template <typename Number>
std::optional<Number> ParseNumber(std::string_view text) {
  Number number{};
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return number;
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  quoted += text;
  quoted += '"';
  return quoted;
}

Result<int32_t> ReadSide(const pugi::xml_node& size, const char* name) {
  const std::string_view text = Text(size, name);
  const std::optional<int32_t> side = ParseNumber<int32_t>(text);
  if (!side || *side < 1 || *side > kMaxImageSide) {
    return Error{"<size> has <" + std::string(name) + "> " + Quoted(text) +
                 ", expected a number of pixels from 1 to " +
                 std::to_string(kMaxImageSide)};
  }
  return *side;
}

Result<float> ReadCoordinate(const pugi::xml_node& box, const char* name) {
  const std::string_view text = Text(box, name);
  const std::optional<float> coordinate = ParseNumber<float>(text);
  if (!coordinate || !std::isfinite(*coordinate)) {
    return Error{"broken <bndbox>: <" + std::string(name) + "> is " +
                 Quoted(text) + ", expected a number"};
  }
  return *coordinate;
}

// x or y of a box: min and max, in an image of `side` pixels that way.
Result<std::pair<float, float>> ReadInterval(const pugi::xml_node& box,
                                             const char* min_name,
                                             const char* max_name,
                                             int32_t side) {
  const Result<float> min = ReadCoordinate(box, min_name);
  if (!min.ok()) return min.error();
  const Result<float> max = ReadCoordinate(box, max_name);
  if (!max.ok()) return max.error();
  const std::string names = std::string(min_name) + " " +
                            std::string(Text(box, min_name)) + ", " + max_name +
                            " " + std::string(Text(box, max_name));
  if (min.value() > max.value()) {
    return Error{"broken <bndbox>: " + names + ", expected " + min_name +
                 " <= " + max_name};
  }
  // 0 and side are let through: some tools number pixels from 0.
  if (max.value() < 0.0f || min.value() > static_cast<float>(side)) {
    return Error{"broken <bndbox>: " + names +
                 ", expected a box that touches the image, 1 to " +
                 std::to_string(side)};
  }
  return std::pair(min.value(), max.value());
}

// The error's message says what is wrong, not yet where.
Result<VocObject> ReadObject(const pugi::xml_node& node, int32_t width,
                             int32_t height) {
  VocObject object;
  object.class_name = Text(node, "name");
  if (object.class_name.empty()) {
    return Error{"no <name>, expected the name of a class"};
  }
  const auto failure = [&](const std::string& what) {
    return Error{"(" + object.class_name + ") " + what};
  };

  // Only a direct child: VOC's persons also have <part>s with a <bndbox> each.
  const pugi::xml_node box = node.child("bndbox");
  if (!box) {
    return failure("no <bndbox>, expected one with xmin, ymin, xmax, ymax");
  }
  const auto x = ReadInterval(box, "xmin", "xmax", width);
  if (!x.ok()) return failure(x.error().message);
  const auto y = ReadInterval(box, "ymin", "ymax", height);
  if (!y.ok()) return failure(y.error().message);
  object.box_in_image = {x.value().first, y.value().first, x.value().second,
                         y.value().second};

  const std::string_view difficult = Text(node, "difficult");
  if (!difficult.empty() && difficult != "0" && difficult != "1") {
    return failure("<difficult> is " + Quoted(difficult) + ", expected 0 or 1");
  }
  object.difficult = difficult == "1";
  object.truncated = Text(node, "truncated") == "1";
  return object;
}

}  // namespace

Result<VocAnnotation> ReadAnnotation(const std::filesystem::path& path) {
  const auto failure = [&](const std::string& what) {
    return Error{path.string() + ": " + what};
  };
  const Result<std::string> text = ReadFile(path, kMaxFileBytes);
  if (!text.ok()) return text.error();

  pugi::xml_document document;
  const pugi::xml_parse_result parsed =
      document.load_buffer(text.value().data(), text.value().size());
  if (!parsed) {
    return failure("not readable as XML: " + std::string(parsed.description()) +
                   " at byte " + std::to_string(parsed.offset));
  }
  const pugi::xml_node root = document.child("annotation");
  if (!root) {
    return failure("no <annotation>, expected a VOC annotation");
  }
  const pugi::xml_node size = root.child("size");
  if (!size) {
    return failure("no <size>, expected one with width and height");
  }

  VocAnnotation annotation;
  const Result<int32_t> width = ReadSide(size, "width");
  if (!width.ok()) return failure(width.error().message);
  annotation.width = width.value();
  const Result<int32_t> height = ReadSide(size, "height");
  if (!height.ok()) return failure(height.error().message);
  annotation.height = height.value();

  for (const pugi::xml_node& node : root.children("object")) {
    Result<VocObject> object =
        ReadObject(node, annotation.width, annotation.height);
    if (!object.ok()) {
      return failure("object " + std::to_string(annotation.objects.size() + 1) +
                     ": " + object.error().message);
    }
    annotation.objects.push_back(std::move(object).value());
  }
  return annotation;
}

}  // namespace ocellus
