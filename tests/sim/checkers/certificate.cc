#include "tests/sim/checkers/certificate.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace gfs::sim {

namespace {

constexpr std::size_t kFaultsMax = 5;

bool looks(const NameEvent& event) {
  return event.op.kind == NameOp::Kind::exists || event.op.kind == NameOp::Kind::list;
}

// Its place in the order: the index, and whether it comes behind the entry of that index instead of being it.
std::pair<std::uint64_t, bool> place(const NameEvent& event) {
  return {event.index, looks(event) || event.request.client.nil()};
}

std::string seconds(Instant when) { return fmt::format("{:.6f} s", to_seconds(when.time_since_epoch())); }

// Gives every event its index, and drops those that never happened. What is left of a request is that it is an entry of
// the log.
void settle(std::vector<NameEvent>& events, const LogIndex& log, std::vector<std::string>& wrong) {
  std::erase_if(events, [&](NameEvent& event) {
    auto entry = log.find(event.request);
    const bool logged = !event.request.client.nil() && entry != log.end();
    if (event.fate == Fate::failed) return true;
    if (event.fate != Fate::ok) {
      if (looks(event) || !logged) return true;
      event.index = entry->second;
      event.ended = Instant::max();
      return false;
    }
    if (event.index == 0) wrong.push_back(event.text() + " was answered without a log index");
    if (!logged) {
      event.request = {};  // a refusal, or a change of nothing: it saw what was there
      return false;
    }
    if (event.index < entry->second) {
      wrong.push_back(
          fmt::format("{} was answered with index {}, the log has it at {}", event.text(), event.index, entry->second));
    }
    event.index = entry->second;
    return false;
  });
}

// No operation stands before one that had ended when it began.
void check_times(const std::vector<NameEvent>& events, std::vector<std::string>& wrong) {
  const NameEvent* earliest = nullptr;  // to end, of those that stand later
  for (std::size_t to = events.size(); to > 0 && wrong.size() < kFaultsMax;) {
    std::size_t from = to;  // those of one place have no order among them
    while (from > 0 && place(events[from - 1]) == place(events[to - 1])) --from;
    for (std::size_t i = from; i < to; ++i) {
      if (earliest == nullptr || earliest->ended >= events[i].invoked) continue;
      wrong.push_back(fmt::format("{} (index {}) began at {}, after {} (index {}) had ended at {}", events[i].text(),
                                  events[i].index, seconds(events[i].invoked), earliest->text(), earliest->index,
                                  seconds(earliest->ended)));
    }
    for (std::size_t i = from; i < to; ++i) {
      if (earliest == nullptr || events[i].ended < earliest->ended) earliest = &events[i];
    }
    to = from;
  }
}

void replay(const std::vector<NameEvent>& events, std::vector<std::string>& wrong) {
  std::map<std::size_t, Tree> trees;
  for (const NameEvent& event : events) {
    if (wrong.size() >= kFaultsMax) return;
    NameSeen seen;
    Tree tree = trees[event.group];
    const Code code = apply_to_tree(tree, event.op, seen);
    if (event.request.client.nil() && tree != trees[event.group]) {
      wrong.push_back(fmt::format("{} changes what index {} shows and is not in the log", event.text(), event.index));
      continue;
    }
    if (event.fate == Fate::ok) {
      const bool same = code == event.code && (code != Code::ok || seen == event.seen);
      if (!same) {
        wrong.push_back(fmt::format("{} at index {} was answered {}, the model says {} ({} [{}])", event.text(),
                                    event.index, name_of(event.code), name_of(code), seen.exists,
                                    fmt::join(seen.entries, " ")));
        continue;
      }
    }
    if (code == Code::ok) trees[event.group] = std::move(tree);
  }
}

}  // namespace

std::string NameEvent::text() const {
  return fmt::format("/g{}: {}{}", group, op.text(),
                     seen.entries.empty() ? "" : fmt::format(" [{}]", fmt::join(seen.entries, " ")));
}

std::vector<std::string> check_certificate(std::vector<NameEvent> events, const LogIndex& log) {
  std::vector<std::string> wrong;
  settle(events, log, wrong);
  if (!wrong.empty()) {
    wrong.resize(std::min(wrong.size(), kFaultsMax));
    return wrong;
  }
  std::sort(events.begin(), events.end(), [](const NameEvent& one, const NameEvent& other) {
    return std::tuple(place(one), one.invoked) < std::tuple(place(other), other.invoked);
  });
  check_times(events, wrong);
  replay(events, wrong);
  return wrong;
}

}  // namespace gfs::sim
