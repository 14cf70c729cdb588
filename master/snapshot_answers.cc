#include "master/snapshot_answers.h"

#include <algorithm>

namespace gfs::master {

namespace {

using bus::CompareTrees;

constexpr std::uint32_t kPageMax = 1000;
constexpr std::size_t kLookedAtMost = 10'000;
constexpr std::size_t kCursorMax = 8192;

struct Entry {
  std::string name;  // empty: there is none
  InodeId inode;
};

class Comparison {
 public:
  Comparison(const MasterState& state, std::uint32_t limit) : state_(state), limit_(limit) {}

  // `after`: as `next` of the page before.
  CompareTrees::Reply run(InodeId left, InodeId right, std::string_view after) {
    if (after.empty() && !compare({}, left, right)) return std::move(reply_);
    if (!both_directories(left, right)) return std::move(reply_);
    enter({}, left, right);
    find_again(after);
    while (!open_.empty()) {
      if (looked_at_ >= kLookedAtMost || reply_.differences.size() >= limit_) {
        reply_.next = open_.back().path + open_.back().after;
        break;
      }
      step();
    }
    return std::move(reply_);
  }

 private:
  struct Level {
    std::string path;  // "b/c/": what is below it has names behind that
    InodeId left, right;
    std::string after;
  };

  const Inode& inode(InodeId id) const { return *state_.names().inode(id); }
  bool is_directory(InodeId id) const { return inode(id).type == FileType::directory; }
  bool both_directories(InodeId left, InodeId right) const { return is_directory(left) && is_directory(right); }

  void enter(std::string path, InodeId left, InodeId right) {
    if (!path.empty()) path += '/';
    open_.push_back({std::move(path), left, right, {}});
  }

  // To where the page before ended, as far as the directories on the way are there.
  void find_again(std::string_view after) {
    while (!after.empty()) {
      const std::size_t slash = after.find('/');
      Level& level = open_.back();
      level.after = after.substr(0, slash);
      if (slash == after.npos) return;
      after.remove_prefix(slash + 1);
      const InodeId left = child(level.left, level.after), right = child(level.right, level.after);
      if (left.value == 0 || right.value == 0 || !both_directories(left, right)) return;
      enter(level.path + level.after, left, right);
    }
  }

  InodeId child(InodeId directory, std::string_view name) const { return state_.names().child(directory, name); }

  Entry next(InodeId directory, const std::string& after) const {
    Entry entry;
    state_.names().list(directory, after, [&](std::string_view name, InodeId id) {
      if (id == state_.names().snapshots().directory()) return true;
      entry = {std::string(name), id};
      return false;
    });
    return entry;
  }

  void step() {
    Level& level = open_.back();
    const Entry left = next(level.left, level.after), right = next(level.right, level.after);
    if (left.name.empty() && right.name.empty()) {
      open_.pop_back();
      return;
    }
    ++looked_at_;
    const bool has_left = !left.name.empty() && (right.name.empty() || left.name <= right.name);
    const bool has_right = !right.name.empty() && (left.name.empty() || right.name <= left.name);
    level.after = has_left ? left.name : right.name;
    std::string path = level.path + level.after;
    if (!has_left || !has_right) {
      note(std::move(path), has_left ? left.inode : InodeId{}, has_right ? right.inode : InodeId{});
    } else if (compare(path, left.inode, right.inode) && both_directories(left.inode, right.inode)) {
      enter(std::move(path), left.inode, right.inode);
    }
  }

  // False: they differ, and are no two directories.
  bool compare(const std::string& path, InodeId left, InodeId right) {
    if (both_directories(left, right)) return true;
    if (!is_directory(left) && !is_directory(right) && same(left, right)) return true;
    note(path, left, right);
    return false;
  }

  bool same(InodeId left, InodeId right) {
    if (left == right) return true;
    if (inode(left).size != inode(right).size) return false;
    // To the first difference: files that share all their chunks have no more of them than one snapshot can have.
    for (std::uint32_t first = 0;;) {
      const std::vector<ChunkHandle> one = written(left, first), other = written(right, first);
      looked_at_ += one.size() + other.size();
      if (one != other) return false;
      if (one.empty()) return true;
      // A chunk has one index in all files that have it.
      first = state_.chunks().find(one.back())->index + 1;
    }
  }

  // The next ones from an index on.
  std::vector<ChunkHandle> written(InodeId file, std::uint32_t first) const {
    constexpr std::size_t kAtOnce = 256;
    std::vector<ChunkHandle> handles;
    state_.chunks().walk_file(file, first, [&](std::uint32_t, ChunkHandle handle) {
      if (!state_.chunks().find(handle)->configuration.virgin) handles.push_back(handle);
      return handles.size() < kAtOnce;
    });
    return handles;
  }

  void note(std::string path, InodeId left, InodeId right) {
    CompareTrees::Difference difference;
    difference.path = std::move(path);
    difference.change = left.value == 0    ? CompareTrees::Change::added
                        : right.value == 0 ? CompareTrees::Change::removed
                                           : CompareTrees::Change::changed;
    if (left.value != 0) {
      difference.left = inode(left).type;
      if (!is_directory(left)) difference.left_size = inode(left).size;
    }
    if (right.value != 0) {
      difference.right = inode(right).type;
      if (!is_directory(right)) difference.right_size = inode(right).size;
    }
    reply_.differences.push_back(std::move(difference));
  }

  const MasterState& state_;
  const std::uint32_t limit_;
  std::vector<Level> open_;
  std::size_t looked_at_ = 0;
  CompareTrees::Reply reply_;
};

}  // namespace

bus::ListSnapshots::Reply answer(const MasterState& state, const bus::ListSnapshots& ask) {
  const Namespace& names = state.names();
  bus::ListSnapshots::Reply reply;
  const std::uint32_t limit = std::clamp<std::uint32_t>(ask.limit, 1, kPageMax);
  if (names.snapshots().directory().value == 0) return reply;
  names.list(names.snapshots().directory(), ask.after, [&](std::string_view name, InodeId head) {
    if (reply.snapshots.size() == limit) {
      reply.more = true;
      return false;
    }
    const Snapshots::Origin& origin = *names.snapshots().find(head);
    const Inode& inode = *names.inode(head);
    bus::ListSnapshots::Snapshot one;
    one.name = name;
    one.source = origin.path;
    one.time_ms = origin.time;
    one.type = inode.type;
    const bool file = inode.type == FileType::file;
    const Usage below = file ? Usage{.files = 1, .bytes = inode.size} : names.usage(head);
    one.files = below.files;
    one.directories = below.directories + (file ? 0 : 1);
    one.bytes = below.bytes;
    reply.snapshots.push_back(std::move(one));
    return true;
  });
  return reply;
}

Result<CompareTrees::Reply> answer(const MasterState& state, const CompareTrees& ask) {
  if (ask.after.size() > kCursorMax) return fail(Code::invalid_argument, "a page that begins nowhere");
  Result<InodeId> left = state.names().find(ask.left);
  if (!left) return fail(std::move(left));
  Result<InodeId> right = state.names().find(ask.right);
  if (!right) return fail(std::move(right));
  return Comparison(state, std::clamp<std::uint32_t>(ask.limit, 1, kPageMax)).run(*left, *right, ask.after);
}

}  // namespace gfs::master
