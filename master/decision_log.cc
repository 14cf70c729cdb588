#include "master/decision_log.h"

#include <array>
#include <utility>

namespace gfs::master {

void DecisionLog::note(Decided what, ChunkHandle chunk, ServerId server, std::string text) {
  std::deque<DecisionRecord>& kept = kept_[what == Decided::placed ? 0 : what == Decided::deferred ? 1 : 2];
  if (text.size() > kTextMax) text.resize(kTextMax);
  if (kept.size() == kKept) kept.pop_front();
  kept.push_back({executor_.wall_now(), what, chunk, server, std::move(text)});
}

void DecisionLog::visit(const std::function<bool(const DecisionRecord&)>& visit) const {
  std::array<std::size_t, 3> left{};  // of each, the oldest ones
  for (std::size_t i = 0; i < left.size(); ++i) left[i] = kept_[i].size();
  while (true) {
    const DecisionRecord* newest = nullptr;
    std::size_t of = 0;
    for (std::size_t i = 0; i < left.size(); ++i) {
      if (left[i] == 0) continue;
      const DecisionRecord& last = kept_[i][left[i] - 1];
      if (newest != nullptr && last.time <= newest->time) continue;
      newest = &last;
      of = i;
    }
    if (newest == nullptr || !visit(*newest)) return;
    --left[of];
  }
}

std::string_view name_of(Decided what) {
  static constexpr std::array<std::string_view, 10> kNames{"placed", "dropped",  "joined", "ordered", "copied",
                                                           "failed", "deferred", "marked", "limited", "moved"};
  return kNames[static_cast<std::size_t>(what)];
}

}  // namespace gfs::master
