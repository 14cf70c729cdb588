#include "tests/sim/checkers/linearizable.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace gfs::sim {

namespace {

// Calls and returns in the order of time, as a doubly linked list from which an explained operation is lifted.
struct Entry {
  std::size_t event = 0;
  bool call = true;
  std::size_t other = 0;  // a call's return, a return's call; 0: it never returned
  std::size_t before = 0, after = 0;
};

class Search {
 public:
  explicit Search(const std::vector<NameEvent>& events) : events_(events), explained_(events.size(), false) {
    std::vector<std::tuple<Instant, bool, std::size_t>> times;  // calls first on ties
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (events[i].fate == Fate::failed) continue;
      times.emplace_back(events[i].invoked, false, i);
      if (events[i].fate == Fate::ok) {
        times.emplace_back(events[i].ended, true, i);
        ++missing_;
      }
    }
    std::sort(times.begin(), times.end());
    entries_.resize(times.size() + 1);
    std::vector<std::size_t> calls(events.size());
    for (std::size_t i = 0; i < times.size(); ++i) {
      const auto& [when, returns, event] = times[i];
      Entry& entry = entries_[i + 1];
      entry = {event, !returns, 0, i, i + 2 <= times.size() ? i + 2 : 0};
      if (!returns) {
        calls[event] = i + 1;
      } else {
        entry.other = calls[event];
        entries_[calls[event]].other = i + 1;
      }
    }
    entries_[0].after = times.empty() ? 0 : 1;
    entries_[0].before = times.size();
  }

  LinearVerdict run(std::size_t steps) {
    LinearVerdict out;
    std::size_t at = entries_[0].after;
    while (missing_ > 0) {
      if (steps-- == 0) {
        out.verdict = Linear::undecided;
        return out;
      }
      Tree next = tree_;
      if (at != 0 && entries_[at].call) {
        if (fits(entries_[at].event, next) && is_new(entries_[at].event, next)) {
          path_.emplace_back(at, std::move(tree_));
          tree_ = std::move(next);
          lift(at);
          out.explained = std::max(out.explained, path_.size());
          at = entries_[0].after;
        } else {
          at = entries_[at].after;
        }
        continue;
      }
      // A return that nothing explains, or the end: the last choice was wrong.
      if (at != 0 && path_.size() >= out.explained) out.stuck = events_[entries_[at].event].text();
      if (path_.empty()) {
        out.verdict = Linear::no;
        return out;
      }
      at = path_.back().first;
      tree_ = std::move(path_.back().second);
      path_.pop_back();
      put_back(at);
      at = entries_[at].after;
    }
    return out;
  }

 private:
  bool fits(std::size_t event, Tree& tree) const {
    const NameEvent& told = events_[event];
    NameSeen seen;
    const Code code = apply_to_tree(tree, told.op, seen);
    if (told.fate != Fate::ok) return code == Code::ok;  // without effect it need not have been at all
    return code == told.code && (code != Code::ok || seen == told.seen);
  }
  bool is_new(std::size_t event, const Tree& tree) {
    std::vector<bool> with = explained_;
    with[event] = true;
    return met_.emplace(std::move(with), tree).second;
  }
  void lift(std::size_t call) {
    unlink(call);
    explained_[entries_[call].event] = true;
    if (entries_[call].other == 0) return;
    unlink(entries_[call].other);
    --missing_;
  }
  void put_back(std::size_t call) {
    explained_[entries_[call].event] = false;
    if (entries_[call].other != 0) {
      relink(entries_[call].other);
      ++missing_;
    }
    relink(call);
  }
  void unlink(std::size_t at) {
    entries_[entries_[at].before].after = entries_[at].after;
    entries_[entries_[at].after].before = entries_[at].before;
  }
  void relink(std::size_t at) {
    entries_[entries_[at].before].after = at;
    entries_[entries_[at].after].before = at;
  }

  const std::vector<NameEvent>& events_;
  std::vector<Entry> entries_;  // 0: head and end
  std::vector<bool> explained_;
  std::size_t missing_ = 0;  // returns not explained yet
  Tree tree_;
  std::vector<std::pair<std::size_t, Tree>> path_;  // calls lifted, and the tree before each
  std::set<std::pair<std::vector<bool>, Tree>> met_;
};

}  // namespace

std::vector<NameEvent> first_events(const std::vector<NameEvent>& events, std::size_t group, std::size_t count) {
  std::vector<NameEvent> out;
  for (const NameEvent& event : events) {
    if (event.group == group && event.fate != Fate::failed) out.push_back(event);
  }
  if (out.size() <= count) return out;
  const Instant cut = out[count].invoked;
  out.resize(count);
  for (NameEvent& event : out) {
    if (event.ended >= cut) event.fate = Fate::unknown;
  }
  return out;
}

LinearVerdict check_linearizable(const std::vector<NameEvent>& events, std::size_t steps) {
  return Search(events).run(steps);
}

}  // namespace gfs::sim
