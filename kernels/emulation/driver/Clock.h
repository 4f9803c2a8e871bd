//===- Clock.h - Which piece of work is known to have ended before which --===//
// Work runs one piece after the other here, so order has to be reasoned about:
// a piece may use what another wrote only if it *must* be behind it. Pieces are
// numbered within lanes, and a clock says for each lane how far it has come:
//
//   lane 1 (stream a):  copy x (1)   kernel f (2)
//   lane 2 (stream b):  kernel g (1)
//
// g is given with the clock {0, 1, 0}: the copy has ended for it, f has not. If
// it then reads what f, the moment (1, 2), wrote, clock[1] = 1 < 2 names a race
// although f did run first. A piece gets a lane whose last piece it is behind,
// so that one number a lane is enough.
//
// The idea: vector clocks (Mattern, Virtual Time and Global States, 1989).
//===----------------------------------------------------------------------===//
#pragma once

#include "kernels/emulation/Shadow.h"

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace mm1::emulated {

/// By lane: the number of pieces that have ended.
using Clock = emulation::LaneClock;
/// A piece of work: the `tick`-th of its lane.
using emulation::Moment;

inline void join(Clock &to, const Clock &from) {
  if (to.size() < from.size())
    to.resize(from.size());
  for (size_t i = 0; i < from.size(); ++i)
    to[i] = to[i] < from[i] ? from[i] : to[i];
}

inline void join(Clock &to, Moment moment) {
  if (to.size() <= moment.lane)
    to.resize(moment.lane + 1);
  if (to[moment.lane] < moment.tick)
    to[moment.lane] = moment.tick;
}

inline bool includes(const Clock &clock, Moment moment) {
  return moment.tick == 0 ||
         (moment.lane < clock.size() && clock[moment.lane] >= moment.tick);
}

/// What a piece may rely on, and what others may rely on because of it.
struct Order {
  /// Ended, and in memory, when the piece starts.
  Clock start;
  /// When a kernel is through its griddepcontrol.wait; else the same.
  Clock waited;
  /// When the piece has ended, for all that is behind it.
  Clock done;
};

/// Gives pieces their moments and remembers their names.
class Timeline {
public:
  /// The moment of a piece that starts when `start` has ended. `lanes` are
  /// those of its stream or graph; a lane is added when none is free.
  Moment begin(std::vector<uint32_t> &lanes, const Clock &start,
               const std::string &name) {
    uint32_t lane = 0;
    for (uint32_t candidate : lanes)
      if (includes(start, {candidate, last(candidate)})) {
        lane = candidate;
        break;
      }
    if (lane == 0) {
      lane = static_cast<uint32_t>(pieces.size());
      lanes.push_back(lane);
      pieces.emplace_back();
    }
    auto [it, isNew] =
        numbers.try_emplace(name, static_cast<uint32_t>(names.size()));
    if (isNew)
      names.push_back(name);
    pieces[lane].push_back(it->second);
    return {lane, last(lane)};
  }

  const std::string &name(Moment moment) const {
    return names[pieces[moment.lane][moment.tick - 1]];
  }

private:
  uint32_t last(uint32_t lane) const {
    return static_cast<uint32_t>(pieces[lane].size());
  }
  /// By lane and tick: an index into names. Lane 0 is nobody's.
  std::vector<std::vector<uint32_t>> pieces{{}};
  std::vector<std::string> names;
  std::unordered_map<std::string, uint32_t> numbers;
};

} // namespace mm1::emulated
