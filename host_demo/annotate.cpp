// SPDX-License-Identifier: Apache-2.0
#include "host_demo/annotate.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "host_demo/box_mapping.h"

namespace ocellus {
namespace {

constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX;

// Hershey letters below this scale (capitals of 9 pixels) lose their shape.
constexpr double kSmallestText = 0.4;

double TextScale(cv::Size image) {
  return std::clamp(std::min(image.width, image.height) / 900.0, kSmallestText,
                    1.5);
}

int LineWidth(cv::Size image) {
  return std::max(2, static_cast<int>(std::lround(
                         std::min(image.width, image.height) / 320.0)));
}

// Strokes as bold as the size asks for, at least one pixel.
int StrokeWidth(double scale) {
  return std::max(1, static_cast<int>(std::lround(scale * 1.6)));
}

double Luma(const cv::Scalar& bgr) {
  // The weights of ITU-R BT.601, which BGR bytes are made for.
  return 0.114 * bgr[0] + 0.587 * bgr[1] + 0.299 * bgr[2];
}

cv::Scalar TextColourOn(const cv::Scalar& background) {
  return Luma(background) > 130.0 ? cv::Scalar(0, 0, 0)
                                  : cv::Scalar(255, 255, 255);
}

// Text on a filled rectangle whose top left corner is `corner`, moved so that
// it lies within the picture.
void DrawTag(cv::Mat& image, const std::string& text, cv::Point corner,
             const cv::Scalar& background) {
  const double scale = TextScale(image.size());
  const int stroke = StrokeWidth(scale);
  int below = 0;
  const cv::Size size = cv::getTextSize(text, kFont, scale, stroke, &below);
  const int pad = std::max(2, static_cast<int>(scale * 5));
  const cv::Size tag(size.width + 2 * pad, size.height + below + pad);
  corner.x = std::max(0, std::min(corner.x, image.cols - tag.width));
  corner.y = std::max(0, std::min(corner.y, image.rows - tag.height));
  cv::rectangle(image, cv::Rect(corner, tag), background, cv::FILLED);
  cv::putText(image, text, {corner.x + pad, corner.y + pad / 2 + size.height},
              kFont, scale, TextColourOn(background), stroke, cv::LINE_AA);
}

}  // namespace

cv::Scalar ClassColour(int class_id, int class_count) {
  // Neighbouring numbers are 11/20 of the circle apart (coprime with 20, so
  // that Pascal's 20 classes get 20 hues), others the golden section. Three
  // tones on top separate hues that lie close. Shifted so that a person, the
  // most frequent of Pascal's classes, is yellow.
  constexpr double kShift = 0.45;
  constexpr double kTones[3][2] = {{0.85, 1.0}, {0.55, 1.0}, {0.9, 0.85}};
  const double step = class_count == 20 ? 11.0 / 20.0 : 0.6180339887;
  const double hue = std::fmod(class_id * step + kShift, 1.0) * 360.0;
  const double saturation = kTones[class_id % 3][0];
  const double value = kTones[class_id % 3][1] * 255.0;
  const double chroma = value * saturation;
  const auto channel = [&](double n) {
    const double k = std::fmod(n + hue / 60.0, 6.0);
    return value - chroma * std::clamp(std::min(k, 4.0 - k), 0.0, 1.0);
  };
  cv::Scalar colour(channel(1), channel(3), channel(5));
  // Pure blue is too dark to be seen on a dark picture.
  constexpr double kDarkest = 100.0;
  const double luma = Luma(colour);
  if (luma < kDarkest) {
    const double white = (kDarkest - luma) / (255.0 - luma);
    for (int i = 0; i < 3; ++i) colour[i] += (255.0 - colour[i]) * white;
  }
  return colour;
}

void DrawDetections(cv::Mat& image, std::span<const Detection> detections,
                    std::span<const std::string> class_names) {
  const int line = LineWidth(image.size());
  const double scale = TextScale(image.size());
  const int class_count = static_cast<int>(class_names.size());
  // Best last, on top of the others; boxes first, so that no tag is crossed.
  for (auto d = detections.rbegin(); d != detections.rend(); ++d) {
    const BoundingBox box = BoxInImage(d->box, image.cols, image.rows);
    const cv::Point top_left(static_cast<int>(std::lround(box.x_min)),
                             static_cast<int>(std::lround(box.y_min)));
    const cv::Point bottom_right(
        std::min(image.cols, static_cast<int>(std::lround(box.x_max))) - 1,
        std::min(image.rows, static_cast<int>(std::lround(box.y_max))) - 1);
    cv::rectangle(image, top_left, bottom_right,
                  ClassColour(d->class_id, class_count), line, cv::LINE_AA);
  }
  for (auto d = detections.rbegin(); d != detections.rend(); ++d) {
    const BoundingBox box = BoxInImage(d->box, image.cols, image.rows);
    const std::string text =
        class_names[d->class_id] + " " +
        std::to_string(std::lround(static_cast<double>(d->score) * 100.0)) +
        "%";
    int below = 0;
    const int height =
        cv::getTextSize(text, kFont, scale, StrokeWidth(scale), &below).height +
        below + std::max(2, static_cast<int>(scale * 5));
    const int x = static_cast<int>(std::lround(box.x_min)) - line / 2;
    const int top = static_cast<int>(std::lround(box.y_min));
    // Above the box, or inside it where the picture ends.
    const int y = top - height >= 0 ? top - height : top;
    DrawTag(image, text, {x, y}, ClassColour(d->class_id, class_count));
  }
}

void DrawPanel(cv::Mat& image, const std::vector<std::string>& lines,
               Corner corner) {
  double scale = TextScale(image.size());
  const auto width_at = [&](double text_scale) {
    int widest = 0;
    for (const std::string& line : lines) {
      widest =
          std::max(widest, cv::getTextSize(line, kFont, text_scale,
                                           StrokeWidth(text_scale), nullptr)
                               .width);
    }
    return widest;
  };
  const int pad = 6;
  const int room = image.cols - 2 * pad;
  const int wanted = width_at(scale);
  if (wanted > room) scale *= static_cast<double>(room) / wanted;
  const int stroke = StrokeWidth(scale);
  int below = 0;
  const cv::Size letter = cv::getTextSize("Ag", kFont, scale, stroke, &below);
  const int line_height = letter.height + below + 3;
  const cv::Size panel(width_at(scale) + 2 * pad,
                       line_height * static_cast<int>(lines.size()) + pad);
  cv::Rect area({0, corner == Corner::kTopLeft ? 0 : image.rows - panel.height},
                panel);
  area &= cv::Rect({0, 0}, image.size());
  cv::Mat under = image(area);
  under.convertTo(under, -1, 0.35, 0.0);
  int y = area.y + pad / 2 + letter.height;
  for (const std::string& line : lines) {
    cv::putText(image, line, {area.x + pad, y + 1}, kFont, scale,
                {255, 255, 255}, stroke, cv::LINE_AA);
    y += line_height;
  }
}

}  // namespace ocellus
