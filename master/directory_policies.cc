#include "master/directory_policies.h"

#include <array>

#include "master/little_endian.h"

namespace gfs::master {

namespace {

using bus::Policy;

constexpr std::array kFields{&Policy::replicas, &Policy::minimum_for_writing, &Policy::ack,
                             &Policy::trash_ms, &Policy::quota_files,         &Policy::quota_bytes};

bool is_none(const Policy& policy) {
  for (auto field : kFields) {
    if (policy.*field != Policy::kInherit) return false;
  }
  return true;
}

Result<> check(std::string_view name, std::int64_t value, std::int64_t low, std::int64_t high) {
  if (value == Policy::kInherit || value == Policy::kKeep || (value >= low && value <= high)) return {};
  return fail(Code::invalid_argument, "{}: {} is not between {} and {}", name, value, low, high);
}

}  // namespace

Result<> check_policy(const Policy& policy) {
  constexpr std::int64_t kMost = 1ll << 62;
  constexpr std::int64_t kTrashMost = 3650ll * 24 * 3600 * 1000;
  for (const Result<>& one :
       {check("replicas", policy.replicas, 1, 8), check("minimum_for_writing", policy.minimum_for_writing, 1, 8),
        check("ack", policy.ack, static_cast<std::int64_t>(bus::AckMode::all),
              static_cast<std::int64_t>(bus::AckMode::primary)),
        check("trash", policy.trash_ms, 0, kTrashMost), check("quota_files", policy.quota_files, 0, kMost),
        check("quota_bytes", policy.quota_bytes, 0, kMost)}) {
    if (!one) return one;
  }
  return {};
}

const Policy* DirectoryPolicies::find(InodeId directory) const {
  auto found = policies_.find(directory);
  return found == policies_.end() ? nullptr : &found->second;
}

Result<> DirectoryPolicies::change(InodeId directory, const Policy& change) {
  Policy next;
  if (const Policy* before = find(directory)) next = *before;
  for (auto field : kFields) {
    if (change.*field != Policy::kKeep) next.*field = change.*field;
  }
  if (is_none(next)) {
    erase(directory);
    return {};
  }
  if (find(directory) == nullptr && policies_.size() >= kMax)
    return fail(Code::too_large, "{} directories have rules of their own already: no more are possible", kMax);
  policies_[directory] = next;
  return {};
}

std::string DirectoryPolicies::freeze() const {
  std::string piece;
  for (const auto& [directory, policy] : policies_) {
    put(piece, directory.value);
    for (auto field : kFields) put(piece, static_cast<std::uint64_t>(policy.*field));
  }
  return piece;
}

Result<> DirectoryPolicies::load(std::string_view piece) {
  Taker taker(piece);
  while (!taker.at_end()) {
    const InodeId directory{taker.number<std::uint64_t>()};
    Policy policy;
    for (auto field : kFields) policy.*field = static_cast<std::int64_t>(taker.number<std::uint64_t>());
    if (taker.failed()) return fail(Code::malformed, "the policies end in the middle of one");
    Result<> sense = check_policy(policy);
    if (!sense) return fail(Code::malformed, "directory {}: {}", directory, sense.error().message);
    if (is_none(policy) || policies_.size() >= kMax || !policies_.emplace(directory, policy).second)
      return fail(Code::malformed, "directory {} has no policy, or two", directory);
  }
  return {};
}

std::string DirectoryPolicies::dump() const {
  std::string text;
  for (const auto& [directory, policy] : policies_) {
    text += fmt::format("policy {}", directory);
    for (auto field : kFields) text += fmt::format(" {}", policy.*field);
    text += '\n';
  }
  return text;
}

}  // namespace gfs::master
