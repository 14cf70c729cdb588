#include "master/state.h"

#include "base/check.h"
#include "master/path.h"

namespace gfs::master {

namespace {

Decision failed(Error error) {
  Decision decision;
  decision.code = error.code;
  decision.text = std::move(error.message);
  return decision;
}

Decision failed(Code code, std::string text) { return failed(Error{code, std::move(text), {}}); }

Result<> check_path(std::string_view path) {
  Result<std::vector<std::string_view>> components = split_path(path);
  if (!components) return fail(std::move(components));
  return {};
}

// What no state could make possible.
template <class T>
Result<> check_form(const T& op) {
  if constexpr (requires { op.source; }) {
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
  }
  return info;
}

std::optional<Decision> MasterState::repeated(const OpHeader& header) const {
  if (header.request.client.nil()) return std::nullopt;
  if (const OutcomeTable::Record* before = outcomes_.find(header.request)) {
    if (before->digest == header.digest) return before->decision;
    return failed(Code::invalid_argument, fmt::format("request {} asked for something else before", header.request));
  }
  if (outcomes_.forgotten(header.request)) {
    return failed(Code::deadline,
                  fmt::format("request {} is too old: whether it happened is forgotten", header.request));
  }
  return std::nullopt;
}

std::optional<Decision> MasterState::check(const Op& op) const {
  if (std::optional<Decision> before = repeated(op.header)) return before;
  Result<> sense = std::visit([](const auto& one) { return check_form(one); }, op.body);
  if (!sense) return failed(std::move(sense).error());
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
  Result<> possible = std::visit([&](const auto& one) { return foresee(one); }, op.body);
  if (!possible) return failed(std::move(possible).error());
  return std::nullopt;
}

Result<> MasterState::foresee(const CreateFileOp& op) const { return namespace_.check_create(op.path); }

Result<> MasterState::foresee(const MakeDirectoryOp& op) const {
  if (!op.parents) return namespace_.check_create(op.path);
  return namespace_.check_directory(op.path);
}

Result<> MasterState::foresee(const RenameOp& op) const { return namespace_.check_exists(op.source); }

Result<> MasterState::foresee(const RemoveOp& op) const { return namespace_.check_exists(op.path); }

Result<> MasterState::foresee(const SetSizeOp& op) const { return is_file(op.inode); }

Result<> MasterState::is_file(InodeId id) const {
  const Inode* inode = namespace_.inode(id);
  if (inode == nullptr) return fail(Code::not_found, "file {} does not exist any more", id);
  if (inode->type != FileType::file) return fail(Code::is_a_directory, "{} is a directory", id);
  return {};
}

Decision MasterState::apply(const Op& op) {
  if (std::optional<Decision> before = repeated(op.header)) return *std::move(before);
  Decision decision = std::visit([&](const auto& one) { return run(one, op.header.time); }, op.body);
  outcomes_.add(op.header.request, op.header.digest, decision, op.header.time);
  return decision;
}

Decision MasterState::run(const CreateFileOp& op, WallMs now) {
  Result<InodeId> made = namespace_.create(
      op.path, Inode{.type = FileType::file, .replicas = static_cast<std::uint8_t>(op.replicas)}, now);
  if (!made) return failed(std::move(made).error());
  Decision decision;
  decision.info = info(*made, {});
  return decision;
}

Decision MasterState::run(const MakeDirectoryOp& op, WallMs now) {
  Result<InodeId> made = namespace_.make_directory(op.path, op.parents, now);
  if (!made) return failed(std::move(made).error());
  Decision decision;
  decision.info = info(*made, {});
  return decision;
}

Decision MasterState::run(const RenameOp& op, WallMs now) {
  Result<Namespace::Renamed> renamed = namespace_.rename(op.source, op.target, op.replace, now);
  if (!renamed) return failed(std::move(renamed).error());
  for (InodeId gone : renamed->dropped) chunks_.drop_file(gone);
  Decision decision;
  decision.info = info(renamed->inode, {});
  return decision;
}

Decision MasterState::run(const RemoveOp& op, WallMs now) {
  Result<Namespace::Removed> removed = namespace_.remove(op.path, op.recursive, now);
  if (!removed) return failed(std::move(removed).error());
  for (InodeId gone : removed->files) chunks_.drop_file(gone);
  Decision decision;
  decision.files = removed->files.size();
  decision.directories = removed->directories;
  return decision;
}

Decision MasterState::run(const SetSizeOp& op, WallMs now) {
  Result<> there = is_file(op.inode);
  if (!there) return failed(std::move(there).error());
  Inode* inode = namespace_.inode(op.inode);
  inode->size = std::max(inode->size, op.size);
  inode->mtime = std::max(inode->mtime, now);
  return {};
}

Decision MasterState::run(const AllocateChunkOp& op, WallMs) {
  Result<> there = is_file(op.inode);
  if (!there) return failed(std::move(there).error());
  Decision decision;
  decision.handle = chunks_.at(op.inode, op.index);
  if (decision.handle.value != 0) return decision;  // somebody was faster: that one counts
  if (op.handle <= last_handle_) return failed(Code::conflict, fmt::format("handle {} was given before", op.handle));
  last_handle_ = decision.handle = op.handle;
  Inode* inode = namespace_.inode(op.inode);
  chunks_.add(op.handle, Chunk{op.inode, op.index, inode->replicas, Configuration{{1}, op.members, op.primary, true}});
  inode->chunks = std::max(inode->chunks, op.index + 1);
  return decision;
}

Decision MasterState::run(const ReconfigureOp& op, WallMs) {
  Result<> done = chunks_.reconfigure(op.handle, op.from, op.members, op.primary);
  if (!done) return failed(std::move(done).error());
  return {};
}

Decision MasterState::run(const ActivateOp& op, WallMs) {
  chunks_.activated(op.handle, op.version);
  return {};
}

Decision MasterState::run(const AddServerOp& op, WallMs) {
  servers_[op.server] = KnownServer{op.control, op.data, op.rack};
  return {};
}

std::string MasterState::dump() const {
  std::string text = fmt::format("last handle {}\n", last_handle_);
  text += namespace_.dump() + chunks_.dump() + outcomes_.dump();
  for (const auto& [id, server] : servers_) {
    text += fmt::format("server {} {} {} {}\n", id, server.control, server.data, server.rack);
  }
  return text;
}

}  // namespace gfs::master
