// Namespace: how much is below each directory, and the rules that hold there.
#include <algorithm>

#include "base/check.h"
#include "master/namespace.h"

namespace gfs::master {

namespace {

constexpr std::size_t kLookedThrough = 10000;  // entries of a directory, to find a name in it
constexpr std::size_t kDeep = 4096;

// What a change leaves behind; a change that makes less of it is always possible.
bool exceeds(std::int64_t quota, std::uint64_t used, std::uint64_t more, std::uint64_t less) {
  if (quota < 0 || more <= less) return false;
  const auto most = static_cast<std::uint64_t>(quota);
  return used > most || more - less > most - used;
}

}  // namespace

Usage& Usage::operator+=(const Usage& more) {
  files += more.files;
  directories += more.directories;
  bytes += more.bytes;
  return *this;
}

Usage& Usage::operator-=(const Usage& less) {
  CHECK(files >= less.files && directories >= less.directories, "less is taken than is there");
  files -= less.files;
  directories -= less.directories;
  bytes -= less.bytes;
  return *this;
}

Usage Namespace::usage(InodeId directory) const {
  auto found = usage_.find(directory.value);
  return found == usage_.end() ? Usage() : found->second;
}

Usage Namespace::whole(InodeId id) const {
  const Inode& found = *inode(id);
  if (found.type == FileType::file) return {.files = 1, .bytes = found.size};
  Usage whole = usage(id);
  ++whole.directories;
  return whole;
}

void Namespace::grow(InodeId directory, const Usage& more) {
  while (true) {
    usage_[directory.value] += more;
    if (directory == kRoot || directory.value == 0) return;
    directory = inode(directory)->parent;
  }
}

std::size_t Namespace::shrink(InodeId directory, const Usage& less) {
  for (std::size_t told = 1;; ++told) {
    usage_[directory.value] -= less;
    if (directory == kRoot || directory.value == 0) return told;
    directory = inode(directory)->parent;
  }
}

void Namespace::resize(InodeId file, std::uint64_t size) {
  Inode* found = change(file);
  CHECK(found != nullptr && found->type == FileType::file, "only files have sizes of their own");
  const std::uint64_t before = found->size;
  if (before == size) return;
  found->size = size;
  const InodeId parent = found->parent;
  shrink(parent, {.bytes = before});
  grow(parent, {.bytes = size});
}

std::string Namespace::name_of(InodeId id) const {
  std::string path;
  InodeId at = id;
  for (std::size_t depth = 0; at != kRoot; ++depth) {
    const InodeId parent = inode(at)->parent;
    std::string name;
    std::size_t seen = 0;
    if (parent.value != 0) {
      entries_.walk(parent, {}, [&](InodeId, std::string_view one, InodeId child) {
        if (child == at) name = one;
        return name.empty() && ++seen < kLookedThrough;
      });
    }
    if (name.empty() || depth == kDeep) return fmt::format("inode {}", id);
    path.insert(0, "/" + name);
    at = parent;
  }
  return path.empty() ? "/" : path;
}

bus::Policy Namespace::effective(InodeId directory) const {
  bus::Policy policy;
  if (policies_.empty()) return policy;
  auto inherit = [](std::int64_t& rule, std::int64_t above) {
    if (rule == bus::Policy::kInherit) rule = above;
  };
  if (const bus::Policy* own = policies_.find(directory)) policy = *own;
  while (directory != kRoot && directory.value != 0) {
    directory = inode(directory)->parent;
    const bus::Policy* above = policies_.find(directory);
    if (above == nullptr) continue;
    inherit(policy.replicas, above->replicas);
    inherit(policy.minimum_for_writing, above->minimum_for_writing);
    inherit(policy.ack, above->ack);
    inherit(policy.trash_ms, above->trash_ms);
  }
  return policy;
}

Result<> Namespace::change_policy(InodeId directory, const bus::Policy& change) {
  if (inode(directory)->type != FileType::directory)
    return fail(Code::not_a_directory, "{} is a file: only directories have rules for what is in them",
                name_of(directory));
  Result<> sense = check_policy(change);
  if (!sense) return sense;
  return policies_.change(directory, change);
}

Result<> Namespace::check_quota(InodeId directory, const Usage& more, const Usage& less, InodeId from) const {
  if (policies_.empty()) return {};
  std::vector<InodeId> above;
  for (InodeId at = from; at.value != 0; at = inode(at)->parent) above.push_back(at);
  for (InodeId at = directory; at.value != 0; at = inode(at)->parent) {
    if (std::ranges::find(above, at) != above.end()) return {};
    const bus::Policy* policy = policies_.find(at);
    if (policy == nullptr) continue;
    const Usage used = usage(at);
    if (exceeds(policy->quota_files, used.names(), more.names(), less.names())) {
      return fail(Code::quota_exceeded, "{} may hold {} files and directories, has {}, and would get {} more",
                  name_of(at), policy->quota_files, used.names(), more.names() - less.names());
    }
    if (exceeds(policy->quota_bytes, used.bytes, more.bytes, less.bytes)) {
      return fail(Code::quota_exceeded, "{} may hold {} bytes, has {}, and would get {} more", name_of(at),
                  policy->quota_bytes, used.bytes, more.bytes - less.bytes);
    }
  }
  return {};
}

}  // namespace gfs::master
