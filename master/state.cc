#include "master/state.h"

#include <algorithm>

#include "base/check.h"
#include "master/path.h"

namespace gfs::master {

namespace {

Result<> check_path(std::string_view path) {
  Result<std::vector<std::string_view>> components = split_path(path);
  if (!components) return fail(std::move(components));
  return {};
}

// What no state could make possible.
template <class T>
Result<> check_form(const T& op) {
  if constexpr (requires { op.named; }) {
    Result<> source = check_path(op.source);
    return source && !op.named ? check_path(op.target) : std::move(source);
  } else if constexpr (requires { op.source; }) {
    Result<> source = check_path(op.source);
    return source ? check_path(op.target) : std::move(source);
  } else if constexpr (requires { op.path; }) {
    return check_path(op.path);
  } else {
    return {};
  }
}

}  // namespace

bus::FileInfo MasterState::info(InodeId id, std::string path) const {
  const Inode* inode = namespace_.inode(id);
  CHECK(inode != nullptr, "only what exists is described");
  bus::FileInfo info;
  info.path = std::move(path);
  info.type = inode->type;
  info.inode = id;
  info.mtime_ms = inode->mtime;
  if (inode->type == FileType::file) {
    info.size = inode->size;
    info.replicas = inode->replicas;
    info.chunks = inode->chunks;
    info.ack = inode->ack;
  }
  return info;
}

std::optional<Decision> MasterState::repeated(const OpHeader& header) const {
  if (header.request.client.nil() || reuse_requests_) return std::nullopt;
  if (const OutcomeTable::Record* before = outcomes_.find(header.request)) {
    if (before->digest == header.digest) return before->decision;
    return refusal(Code::invalid_argument, fmt::format("request {} asked for something else before", header.request));
  }
  if (outcomes_.forgotten(header.request)) {
    return refusal(Code::record_expired,
                   fmt::format("request {} is too old: whether it happened is forgotten", header.request));
  }
  return std::nullopt;
}

std::optional<Decision> MasterState::check(const Op& op) const {
  if (std::optional<Decision> before = repeated(op.header)) return before;
  Result<> sense = std::visit([](const auto& one) { return check_form(one); }, op.body);
  if (!sense) return refusal(std::move(sense).error());
  // A copy of this message may come when the state is another: the answer has to be on record, so apply() gives it.
  if (!op.header.request.client.nil()) return std::nullopt;
  if (const auto* make = std::get_if<MakeDirectoryOp>(&op.body); make != nullptr && make->parents) {
    Result<InodeId> there = namespace_.find(make->path);
    if (there && namespace_.inode(*there)->type == FileType::directory) {
      Decision nothing_to_do;
      nothing_to_do.info = info(*there, make->path);
      return nothing_to_do;
    }
  }
  if (const auto* close = std::get_if<CloseClientOp>(&op.body); close != nullptr && !outcomes_.knows(close->client))
    return Decision();
  Result<> possible = std::visit([&](const auto& one) { return foresee(one); }, op.body);
  if (!possible) return refusal(std::move(possible).error());
  return std::nullopt;
}

Result<> MasterState::foresee(const CreateFileOp& op) const { return namespace_.check_create(op.path); }

Result<> MasterState::foresee(const MakeDirectoryOp& op) const {
  if (!op.parents) return namespace_.check_create(op.path);
  return namespace_.check_directory(op.path);
}

Result<> MasterState::foresee(const RenameOp& op) const { return namespace_.check_exists(op.source); }

Result<> MasterState::foresee(const RemoveOp& op) const { return namespace_.check_exists(op.path); }

Result<> MasterState::foresee(const SetSizeOp& op) const { return is_changeable_file(op.inode); }

Result<> MasterState::is_file(InodeId id) const {
  const Inode* inode = namespace_.inode(id);
  if (inode == nullptr) return fail(Code::not_found, "file {} does not exist any more", id);
  if (inode->type != FileType::file) return fail(Code::is_a_directory, "{} is a directory", id);
  return {};
}

Result<> MasterState::is_changeable_file(InodeId id) const {
  Result<> there = is_file(id);
  return there ? namespace_.check_changeable(id) : std::move(there);
}

Result<> MasterState::foresee(const SetPolicyOp& op) const { return namespace_.check_exists(op.path); }

Result<> MasterState::foresee(const TruncateOp& op) const { return namespace_.check_exists(op.path); }

Result<> MasterState::foresee(const SetDirectoryPolicyOp& op) const { return namespace_.check_exists(op.path); }

Decision MasterState::apply(const Op& op, std::uint64_t index) {
  index_ = index;
  last_time_ = std::max(last_time_, op.header.time);
  if (std::optional<Decision> before = repeated(op.header)) return *std::move(before);
  Decision decision = std::visit([&](const auto& one) { return run(one, last_time_); }, op.body);
  decision.index = index;
  // A lost race is no outcome: nothing was decided about what was asked, and the master tries again under the same id.
  if (decision.code != Code::conflict) outcomes_.add(op.header.request, op.header.digest, decision, last_time_);
  return decision;
}

Decision MasterState::run(const CreateFileOp& op, WallMs now) {
  Inode file{.type = FileType::file, .replicas = static_cast<std::uint8_t>(op.replicas)};
  const bus::Policy policy = rules_above(op.path);
  if (op.unasked && policy.replicas > 0) file.replicas = static_cast<std::uint8_t>(policy.replicas);
  if (policy.ack > 0) file.ack = static_cast<bus::AckMode>(policy.ack);
  Result<InodeId> made = namespace_.create(op.path, file, now);
  if (!made) return refusal(std::move(made).error());
  Decision decision;
  decision.info = info(*made, {});
  return decision;
}

Decision MasterState::run(const MakeDirectoryOp& op, WallMs now) {
  Result<InodeId> made = namespace_.make_directory(op.path, op.parents, now);
  if (!made) return refusal(std::move(made).error());
  Decision decision;
  decision.info = info(*made, {});
  return decision;
}

Decision MasterState::run(const RenameOp& op, WallMs now) {
  Result<Namespace::Renamed> renamed = namespace_.rename(op.source, op.target, op.replace, now);
  if (!renamed) return refusal(std::move(renamed).error());
  for (InodeId gone : renamed->dropped) (void)drop_chunks(gone, 0);
  Decision decision;
  decision.info = info(renamed->inode, {});
  return decision;
}

Decision MasterState::run(const RemoveOp& op, WallMs now) {
  WallMs keep = op.keep;
  if (keep > 0) {
    const std::int64_t rule = rules_above(op.path).trash_ms;
    if (rule != bus::Policy::kInherit) keep = rule;
  }
  const WallMs until = keep > 0 ? now + std::min(keep, kKeptMax) : 0;
  Result<Namespace::Removed> removed = namespace_.remove(op.path, op.recursive, until, now);
  if (!removed) return refusal(std::move(removed).error());
  for (InodeId gone : removed->files) (void)drop_chunks(gone, 0);
  Decision decision;
  decision.files = removed->what.files;
  decision.directories = removed->what.directories;
  decision.info.inode = removed->item;
  if (removed->item.value != 0) decision.info.mtime_ms = until;
  return decision;
}

bus::Policy MasterState::rules_above(std::string_view path) const {
  if (namespace_.policies().empty()) return {};
  const std::size_t slash = path.rfind('/');
  Result<InodeId> directory = namespace_.find(slash == 0 || slash == path.npos ? "/" : path.substr(0, slash));
  return directory ? namespace_.effective(*directory) : bus::Policy();
}

Decision MasterState::run(const SetSizeOp& op, WallMs now) {
  Result<> there = is_changeable_file(op.inode);
  if (!there) return refusal(std::move(there).error());
  Inode* inode = namespace_.change(op.inode);
  inode->mtime = std::max(inode->mtime, now);
  namespace_.resize(op.inode, std::max(inode->size, std::min(op.size, size_max())));
  return {};
}

Decision MasterState::run(const SetPolicyOp& op, WallMs now) {
  Result<InodeId> file = namespace_.find(op.path);
  if (!file) return refusal(std::move(file).error());
  Result<> there = is_changeable_file(*file);
  if (!there) return refusal(std::move(there).error());
  Inode* inode = namespace_.change(*file);
  inode->ack = op.ack;
  inode->mtime = std::max(inode->mtime, now);
  Decision decision;
  decision.info = info(*file, {});
  return decision;
}

Decision MasterState::run(const AddServerOp& op, WallMs) {
  servers_[op.server] = KnownServer{op.control, op.data, op.rack};
  return {};
}

Result<> MasterState::foresee(const MarkServerOp& op) const {
  if (!servers_.contains(op.server)) return fail(Code::not_found, "server {} is not known", op.server);
  if (!op.successor.nil() && !servers_.contains(op.successor))
    return fail(Code::not_found, "server {}, which is to take its chunks, is not known", op.successor);
  if (op.mark > bus::ServerMark::drain) return fail(Code::invalid_argument, "{} is no mark", static_cast<int>(op.mark));
  return {};
}

Decision MasterState::run(const MarkServerOp& op, WallMs) {
  Result<> possible = foresee(op);
  if (!possible) return refusal(std::move(possible).error());
  directives_.mark(op.server, {op.mark, op.until, op.successor});
  return {};
}

Result<> MasterState::foresee(const ForgetServerOp& op) const {
  if (!servers_.contains(op.server)) return fail(Code::not_found, "server {} is not known", op.server);
  return {};
}

Decision MasterState::run(const ForgetServerOp& op, WallMs) {
  Result<> possible = foresee(op);
  if (!possible) return refusal(std::move(possible).error());
  servers_.erase(op.server);
  directives_.forget(op.server);
  return {};
}

Decision MasterState::run(const SetRepairOp& op, WallMs) {
  const RepairRules change{op.paused, op.per_server, op.per_cluster, op.balance};
  Result<> possible = check_repair(change);
  if (!possible) return refusal(std::move(possible).error());
  directives_.change(change);
  return {};
}

Decision MasterState::run(const CloseClientOp& op, WallMs) {
  outcomes_.close(op.client);
  return {};
}

std::string MasterState::dump() const {
  std::string text = fmt::format("epoch {} time {} last handle {}\n", epoch_, last_time_, last_handle_);
  text += namespace_.dump() + chunks_.dump() + outcomes_.dump();
  for (const auto& [id, server] : servers_) {
    text += fmt::format("server {} {} {} {}\n", id, server.control, server.data, server.rack);
  }
  return text + directives_.dump();
}

}  // namespace gfs::master
