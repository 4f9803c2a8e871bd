//===- PlotAccuracy.cpp - Accuracy over distance as SVG ------------------------===//
// A line a kind over the logarithm of the distance, with the 95 % interval as a thin bar. Colours are those that M. Okabe
// and K. Ito chose to be told apart by everybody.
#include "runtime/tools/Commands.h"
#include "runtime/tools/Questions.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace mm1 {

static constexpr double kLeft = 60, kTop = 20, kWidth = 520, kHeight = 280;
static constexpr const char *kColours[] = {"#0072b2", "#d55e00", "#009e73",
                                           "#cc79a7", "#e69f00", "#56b4e9"};

/// Text of a foreign file inside of XML.
static std::string escape(std::string_view text) {
  std::string result;
  for (char c : text)
    if (c == '<')
      result += "&lt;";
    else if (c == '>')
      result += "&gt;";
    else if (c == '&')
      result += "&amp;";
    else
      result += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  return result;
}

namespace {

class Plot {
public:
  explicit Plot(const ScoreTable &scores) {
    for (const auto &[kind, byDistance] : scores)
      for (const auto &[distance, score] : byDistance)
        if (distance != 0 && score.asked != 0)
          distances.insert(distance);
  }

  std::string draw(const ScoreTable &scores) {
    double height =
        std::max(kTop + kHeight + 60, kTop + 20 * double(scores.size()) + 20);
    text = format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"800\" "
                  "height=\"%.0f\" font-family=\"sans-serif\" "
                  "font-size=\"12\">\n"
                  "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
                  height);
    drawAxes();
    size_t number = 0;
    for (const auto &[kind, byDistance] : scores)
      drawKind(kind, byDistance, number++);
    return text + "</svg>\n";
  }

private:
  double x(uint64_t distance) const {
    double first = std::log2(double(*distances.begin()));
    double last = std::log2(double(*distances.rbegin()));
    if (first == last)
      return kLeft + kWidth / 2;
    return kLeft + 20 +
           (kWidth - 40) * (std::log2(double(distance)) - first) /
               (last - first);
  }
  static double y(double percent) {
    return kTop + kHeight * (1 - percent / 100);
  }

  void label(double x, double y, const char *anchor, std::string_view content) {
    text +=
        format("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    text += escape(content);
    text += "</text>\n";
  }
  void line(double x1, double y1, double x2, double y2, const char *colour) {
    text += format("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" "
                   "stroke=\"%s\"/>\n",
                   x1, y1, x2, y2, colour);
  }

  void drawAxes() {
    for (int percent = 0; percent <= 100; percent += 20) {
      line(kLeft, y(percent), kLeft + kWidth, y(percent),
           percent == 0 ? "#333333" : "#dddddd");
      label(kLeft - 8, y(percent) + 4, "end", std::to_string(percent));
    }
    line(kLeft, y(0), kLeft, y(100), "#333333");
    double before = -1e9; // labels must not meet
    for (uint64_t distance : distances) {
      line(x(distance), y(0), x(distance), y(0) + 4, "#333333");
      if (x(distance) - before < 40)
        continue;
      before = x(distance);
      label(before, y(0) + 18, "middle", std::to_string(distance));
    }
    label(kLeft + kWidth / 2, y(0) + 42, "middle",
          "distance in tokens (logarithmic)");
    text += format("<text transform=\"translate(18 %.1f) rotate(-90)\" "
                   "text-anchor=\"middle\">right answers in percent</text>\n",
                   y(50));
  }

  void drawKind(const std::string &kind,
                const std::map<uint64_t, Score> &byDistance, size_t number) {
    const char *colour = kColours[number % std::size(kColours)];
    // From the seventh kind on, the colours come again with dashes.
    const char *dashes =
        number < std::size(kColours) ? "" : " stroke-dasharray=\"6 3\"";
    Score all;
    std::string points, marks;
    for (const auto &[distance, score] : byDistance) {
      all.add(score);
      if (distance == 0 || score.asked == 0)
        continue;
      double at = x(distance), height = y(score.accuracy());
      points += format("%.1f,%.1f ", at, height);
      auto [low, high] = wilsonInterval(score.right, score.asked);
      marks += format("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n"
                      "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" "
                      "stroke=\"%s\" stroke-opacity=\"0.5\"/>\n",
                      at, height, colour, at, y(low), at, y(high), colour);
    }
    auto polyline = [&](const std::string &points) {
      text += "<polyline points=\"" + points + "\" fill=\"none\" stroke=\"" +
              colour + "\" stroke-width=\"2\"" + dashes + "/>\n";
    };
    if (!points.empty())
      polyline(points);
    text += marks;
    double row = kTop + 20 * double(number);
    polyline(format("%.1f,%.1f %.1f,%.1f", kLeft + kWidth + 15, row,
                    kLeft + kWidth + 35, row));
    label(kLeft + kWidth + 41, row + 4, "start",
          kind + format(" (%.1f %% of %zu)", all.accuracy(), all.asked));
  }

  std::set<uint64_t> distances;
  std::string text;
};

} // namespace

std::string plotAccuracy(const ScoreTable &scores) {
  return Plot(scores).draw(scores);
}

} // namespace mm1
