#include "client_cli/client/filesystem.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "client_cli/client/appender.h"
#include "client_cli/client/chunk_reader.h"
#include "client_cli/client/chunk_writer.h"
#include "client_cli/client/context.h"
#include "client_cli/client/open_file.h"

namespace gfs::client {

namespace {

constexpr Duration kSnapshotTime = 15s;  // of one try: the master gives those it has to halt 10 s
constexpr std::uint32_t kLogBytes = 1 << 20;

}  // namespace

struct Filesystem::Parts {
  Parts(Executor& executor, Random& random, bus::Bus& bus, Settings settings)
      : context(executor, random, bus, std::move(settings)), reader(context), writer(context) {}

  // Whether bytes may have been acknowledged that the master's size does not include: its chunks have room for more.
  bool may_be_longer(const FileInfo& info) const {
    return info.type == FileType::file && info.size < info.chunks * context.master.chunk_size();
  }

  std::shared_ptr<FileAppender> appender(const FileInfo& info, const AppendOptions& options) {
    auto made = [&] { return std::make_shared<FileAppender>(context, writer, info, options); };
    const bool numbers_itself = !options.client.nil() || options.next_sequence != 1;
    if (numbers_itself) return made();
    std::weak_ptr<FileAppender>& shared = appenders[{info.inode, options.batch, options.in_flight}];
    std::shared_ptr<FileAppender> file = shared.lock();
    if (!file) {
      file = made();
      shared = file;
      std::erase_if(appenders, [](const auto& one) { return one.second.expired(); });
    }
    return file;
  }

  // Somebody else than the master, in one patient try: reading every byte of a chunk takes its time.
  template <class M>
  Task<typename M::Reply> ask_server(bus::Address server, M ask, std::string what) {
    const Instant deadline = context.deadline();
    co_await context.master.connect(std::move(what), deadline);
    bus::Peer to = bus::Peer::at(server);
    bus::CallOptions options{deadline - context.executor.now()};
    Result<typename M::Reply> reply = co_await context.endpoint.call(std::move(to), std::move(ask), options).outcome();
    if (!reply && reply.error().why.empty())
      reply.error().why.push_back({server, name_of(reply.error().code) + ": " + reply.error().message});
    co_return std::move(reply);
  }

  Context context;
  ChunkReader reader;
  ChunkWriter writer;
  std::map<std::tuple<InodeId, std::uint64_t, std::size_t>, std::weak_ptr<FileAppender>> appenders;  // that are shared
};

Filesystem::Filesystem(Executor& executor, Random& random, bus::Bus& bus, Settings settings)
    : parts_(std::make_unique<Parts>(executor, random, bus, std::move(settings))) {}

Filesystem::~Filesystem() = default;

RequestId Filesystem::last_request() const { return parts_->context.master.last_request(); }

Task<std::shared_ptr<File>> Filesystem::open(std::string path, Open how, std::uint32_t replicas) {
  MasterClient& master = parts_->context.master;
  Instant deadline = parts_->context.deadline();
  std::optional<FileInfo> info;
  if (how == Open::create || how == Open::create_new) {
    bus::CreateFile ask{path, replicas};
    Result<FileInfo> created = co_await master.change(std::move(ask), "create " + path, deadline).outcome();
    if (created) {
      info = std::move(*created);
    } else if (how == Open::create_new || created.error().code != Code::already_exists) {
      co_await fail(std::move(created));
    }
  }
  if (!info) {
    bus::Stat ask{path};
    // What is written is written by the master's word.
    const MasterClient::Who who = how == Open::read ? MasterClient::Who::anybody : MasterClient::Who::master;
    info = co_await master.ask(std::move(ask), "open " + path, deadline, who);
    if (info->type != FileType::file) co_await fail(Code::is_a_directory, "open {}: it is a directory", path);
  }
  parts_->context.layouts.drop_file(info->inode);  // whoever opens sees all that was acknowledged before
  if (parts_->may_be_longer(*info)) {
    ChunkReader::For purpose = how == Open::read ? ChunkReader::For::reading : ChunkReader::For::writing;
    info->size = co_await parts_->reader.current_size(info->inode, info->path, info->chunks, purpose, deadline);
  }
  co_return std::make_shared<OpenFile>(parts_->context, parts_->reader, parts_->writer, std::move(*info),
                                       how != Open::read);
}

Task<std::shared_ptr<Appender>> Filesystem::open_appender(std::string path, AppendOptions options) {
  MasterClient& master = parts_->context.master;
  Instant deadline = parts_->context.deadline();
  bus::Stat ask{path};
  constexpr MasterClient::Who kMaster = MasterClient::Who::master;
  Result<FileInfo> info = co_await master.ask(std::move(ask), "open " + path, deadline, kMaster).outcome();
  if (!info && info.error().code == Code::not_found) {
    bus::CreateFile create{path, options.replicas};
    info = co_await master.change_aside(std::move(create), "create " + path, deadline).outcome();
    if (!info && info.error().code == Code::already_exists) {
      bus::Stat again{path};  // somebody else was faster
      info = co_await master.ask(std::move(again), "open " + path, deadline, kMaster).outcome();
    }
  }
  if (!info) co_await fail(std::move(info));
  if (info->type != FileType::file) co_await fail(Code::is_a_directory, "append to {}: it is a directory", path);
  std::shared_ptr<FileAppender> file = parts_->appender(*info, options);
  co_return std::make_shared<OpenAppender>(std::move(file), std::move(*info));
}

Task<FileInfo> Filesystem::create(std::string path, std::uint32_t replicas) {
  bus::CreateFile ask{path, replicas};
  co_return co_await parts_->context.master.change(std::move(ask), "create " + path, parts_->context.deadline());
}

Task<FileInfo> Filesystem::make_directory(std::string path, bool parents) {
  bus::MakeDirectory ask{path, parents};
  co_return co_await parts_->context.master.change(std::move(ask), "make directory " + path,
                                                   parts_->context.deadline());
}

Task<FileInfo> Filesystem::stat(std::string path) {
  Instant deadline = parts_->context.deadline();
  bus::Stat ask{path};
  FileInfo info = co_await parts_->context.master.ask(std::move(ask), "stat " + path, deadline);
  if (parts_->may_be_longer(info)) {
    ChunkReader::For purpose = ChunkReader::For::stat;
    info.size = co_await parts_->reader.current_size(info.inode, info.path, info.chunks, purpose, deadline);
  }
  co_return info;
}

Task<FileInfo> Filesystem::stat_at_master(std::string path) {
  bus::Stat ask{path};
  co_return co_await parts_->context.master.ask(std::move(ask), "stat " + path, parts_->context.deadline(),
                                                MasterClient::Who::master);
}

Task<bool> Filesystem::exists(std::string path) {
  bus::Exists ask{path};
  bus::Exists::Reply reply =
      co_await parts_->context.master.ask(std::move(ask), "exists " + path, parts_->context.deadline());
  co_return reply.exists;
}

Task<bus::List::Reply> Filesystem::list_page(std::string path, std::string after, std::uint32_t limit) {
  bus::List ask{path, std::move(after), limit};
  co_return co_await parts_->context.master.ask(std::move(ask), "list " + path, parts_->context.deadline());
}

Task<std::vector<FileInfo>> Filesystem::list(std::string path) {
  std::vector<FileInfo> all;
  std::string after;
  while (true) {
    bus::List::Reply page = co_await list_page(path, after);
    std::ranges::move(page.entries, std::back_inserter(all));
    if (!page.more || page.entries.empty()) co_return all;
    std::string last = all.back().path;
    std::string name = last.substr(last.rfind('/') + 1);
    if (name <= after)
      co_await fail(Code::malformed, "list {}: the master's pages do not go forward at {}", path, last);
    after = std::move(name);
  }
}

Task<FileInfo> Filesystem::rename(std::string source, std::string target, bool replace) {
  std::string what = "rename " + source + " to " + target;
  bus::Rename ask{std::move(source), std::move(target), replace};
  co_return co_await parts_->context.master.change(std::move(ask), std::move(what), parts_->context.deadline());
}

Task<bus::Remove::Reply> Filesystem::remove(std::string path, bool recursive) {
  bus::Remove ask{path, recursive, false};
  co_return co_await parts_->context.master.change(std::move(ask), "remove " + path, parts_->context.deadline());
}

Task<bus::Remove::Reply> Filesystem::remove_now(std::string path, bool recursive) {
  bus::Remove ask{path, recursive, true};
  co_return co_await parts_->context.master.change(std::move(ask), "remove " + path, parts_->context.deadline());
}

Task<bus::ListTrash::Reply> Filesystem::trash_page(bus::ListTrash::Item after, bool for_change) {
  bus::ListTrash ask{after.until_ms, after.item};
  co_return co_await parts_->context.master.ask(std::move(ask), "list the trash", parts_->context.deadline(),
                                                for_change ? MasterClient::Who::master : MasterClient::Who::anybody);
}

Task<FileInfo> Filesystem::restore_trash(InodeId item, std::string path, bool parents) {
  bus::RestoreTrash ask{item, path, parents};
  co_return co_await parts_->context.master.change(std::move(ask), "restore " + path, parts_->context.deadline());
}

Task<std::uint64_t> Filesystem::purge_trash(std::vector<InodeId> items) {
  bus::PurgeTrash ask{std::move(items)};
  bus::PurgeTrash::Reply reply =
      co_await parts_->context.master.change(std::move(ask), "purge the trash", parts_->context.deadline());
  co_return reply.items;
}

Task<bus::CreateSnapshot::Reply> Filesystem::create_snapshot(std::string source, std::string target) {
  std::string what = "snapshot of " + source + " as " + target;
  bus::CreateSnapshot ask{std::move(source), std::move(target)};
  co_return co_await parts_->context.master.change(std::move(ask), std::move(what), parts_->context.deadline(),
                                                   kSnapshotTime);
}

Task<bus::ListSnapshots::Reply> Filesystem::snapshots_page(std::string after) {
  bus::ListSnapshots ask{std::move(after)};
  co_return co_await parts_->context.master.ask(std::move(ask), "list snapshots", parts_->context.deadline());
}

Task<std::vector<bus::ListSnapshots::Snapshot>> Filesystem::snapshots() {
  std::vector<bus::ListSnapshots::Snapshot> all;
  std::string after;
  while (true) {
    bus::ListSnapshots::Reply page = co_await snapshots_page(after);
    std::ranges::move(page.snapshots, std::back_inserter(all));
    if (!page.more || page.snapshots.empty()) co_return all;
    if (all.back().name <= after) co_await fail(Code::malformed, "snapshots: the master's pages do not go forward");
    after = all.back().name;
  }
}

Task<bus::RemoveSnapshot::Reply> Filesystem::remove_snapshot(std::string name) {
  bus::RemoveSnapshot ask{name};
  co_return co_await parts_->context.master.change(std::move(ask), "remove snapshot " + name,
                                                   parts_->context.deadline());
}

Task<bus::CompareTrees::Reply> Filesystem::compare_page(std::string left, std::string right, std::string after) {
  std::string what = "compare " + left + " with " + right;
  bus::CompareTrees ask{std::move(left), std::move(right), std::move(after)};
  co_return co_await parts_->context.master.ask(std::move(ask), std::move(what), parts_->context.deadline());
}

Task<> Filesystem::set_directory_policy(std::string path, bus::Policy policy) {
  bus::SetDirectoryPolicy ask{path, policy};
  (void)co_await parts_->context.master.change(std::move(ask), "set the policy of " + path, parts_->context.deadline());
}

Task<bus::GetPolicy::Reply> Filesystem::policy(std::string path) {
  bus::GetPolicy ask{path};
  co_return co_await parts_->context.master.ask(std::move(ask), "policy of " + path, parts_->context.deadline());
}

Task<FileInfo> Filesystem::set_replicas(std::string path, std::uint32_t replicas) {
  bus::SetReplicas ask{path, replicas};
  co_return co_await parts_->context.master.change(std::move(ask), "set the replicas of " + path,
                                                   parts_->context.deadline());
}

Task<bus::ClusterStatus::Reply> Filesystem::status() {
  bus::ClusterStatus ask{true};
  co_return co_await parts_->context.master.ask(std::move(ask), "status", parts_->context.deadline());
}

Task<std::vector<bus::ServerInfo>> Filesystem::servers() {
  bus::ListServers ask{true};
  bus::ListServers::Reply reply =
      co_await parts_->context.master.ask(std::move(ask), "list servers", parts_->context.deadline());
  co_return std::move(reply.servers);
}

Task<std::vector<bus::ListChunks::Chunk>> Filesystem::chunks(std::string path) {
  Instant deadline = parts_->context.deadline();
  std::vector<bus::ListChunks::Chunk> all;
  std::uint32_t first = 0;
  while (true) {
    bus::ListChunks ask{path, first, 256};
    bus::ListChunks::Reply page = co_await parts_->context.master.ask(std::move(ask), "chunks of " + path, deadline);
    std::ranges::move(page.chunks, std::back_inserter(all));
    if (!page.more || page.chunks.empty()) co_return all;
    std::uint32_t next = all.back().index + 1;
    if (next <= first) co_await fail(Code::malformed, "chunks of {}: the master's pages do not go forward", path);
    first = next;
  }
}

Task<FileInfo> Filesystem::truncate(std::string path, std::uint64_t size) {
  bus::Truncate ask{path, size};
  FileInfo info =
      co_await parts_->context.master.change(std::move(ask), "truncate " + path, parts_->context.deadline());
  parts_->context.layouts.drop_file(info.inode);
  co_return info;
}

Task<FileInfo> Filesystem::set_ack(std::string path, bus::AckMode ack) {
  bus::SetPolicy ask{path, ack};
  co_return co_await parts_->context.master.change(std::move(ask), "set the policy of " + path,
                                                   parts_->context.deadline());
}

Task<bus::FindChunk::Reply> Filesystem::find_chunk(ChunkHandle handle) {
  bus::FindChunk ask{handle};
  co_return co_await parts_->context.master.ask(std::move(ask), fmt::format("find chunk {}", handle),
                                                parts_->context.deadline());
}

Task<std::vector<bus::ListLeases::Lease>> Filesystem::leases() {
  Instant deadline = parts_->context.deadline();
  std::vector<bus::ListLeases::Lease> all;
  ChunkHandle after;
  while (true) {
    bus::ListLeases ask{after};
    bus::ListLeases::Reply page =
        co_await parts_->context.master.ask(std::move(ask), "list leases", deadline, MasterClient::Who::master);
    std::ranges::move(page.leases, std::back_inserter(all));
    if (!page.more || page.leases.empty()) co_return all;
    if (all.back().handle <= after) co_await fail(Code::malformed, "leases: the master's pages do not go forward");
    after = all.back().handle;
  }
}

Task<bus::RevokeLease::Reply> Filesystem::revoke_lease(ChunkHandle handle) {
  bus::RevokeLease ask{handle};
  co_return co_await parts_->context.master.change(std::move(ask), fmt::format("revoke the lease of chunk {}", handle),
                                                   parts_->context.deadline());
}

Task<bus::Checkpoint::Reply> Filesystem::checkpoint() {
  bus::Checkpoint ask;
  co_return co_await parts_->context.master.ask(std::move(ask), "checkpoint", parts_->context.deadline(),
                                                MasterClient::Who::master);
}

Task<bus::ViewLog::Reply> Filesystem::view_log(std::uint64_t after) {
  bus::ViewLog ask{.after = after};
  co_return co_await parts_->context.master.ask(std::move(ask), "view log", parts_->context.deadline(),
                                                MasterClient::Who::master);
}

Task<bus::ReadLog::Reply> Filesystem::read_log(std::uint64_t after) {
  bus::ReadLog ask{after, kLogBytes};
  co_return co_await parts_->context.master.ask(std::move(ask), "read log", parts_->context.deadline(),
                                                MasterClient::Who::master);
}

Task<bus::CollectionStatus::Reply> Filesystem::collection_status() {
  bus::CollectionStatus ask;
  co_return co_await parts_->context.master.ask(std::move(ask), "ask what is collected", parts_->context.deadline());
}

Task<bus::AllowCollection::Reply> Filesystem::allow_collection(bus::AllowCollection ask) {
  co_return co_await parts_->context.master.ask(std::move(ask), "allow collection", parts_->context.deadline());
}

Task<bus::RestoreChunk::Reply> Filesystem::restore_chunk(ServerId server, ChunkHandle handle) {
  bus::RestoreChunk ask{server, handle, {}};
  co_return co_await parts_->context.master.ask(std::move(ask), fmt::format("restore chunk {}", handle),
                                                parts_->context.deadline());
}

Task<bus::PurgeQuarantine::Reply> Filesystem::purge_quarantine(bus::PurgeQuarantine ask) {
  co_return co_await parts_->context.master.ask(std::move(ask), "purge the quarantine", parts_->context.deadline());
}

Task<bus::ListQuarantine::Reply> Filesystem::list_quarantine(bus::Address server, bus::ListQuarantine ask) {
  return parts_->ask_server(std::move(server), std::move(ask), "list a quarantine");
}

Task<> Filesystem::mark_server(bus::MarkServer ask) {
  std::string what = fmt::format("mark server {}", ask.server);
  (void)co_await parts_->context.master.change(std::move(ask), std::move(what), parts_->context.deadline());
}

Task<> Filesystem::forget_server(ServerId server) {
  bus::ForgetServer ask{server};
  (void)co_await parts_->context.master.change(std::move(ask), fmt::format("forget server {}", server),
                                               parts_->context.deadline());
}

Task<bus::AskStop::Reply> Filesystem::ask_stop(std::vector<ServerId> servers) {
  bus::AskStop ask{std::move(servers)};
  co_return co_await parts_->context.master.ask(std::move(ask), "ask whether servers may stop",
                                                parts_->context.deadline(), MasterClient::Who::master);
}

Task<> Filesystem::set_repair(bus::SetRepair ask) {
  (void)co_await parts_->context.master.change(std::move(ask), "change repair", parts_->context.deadline());
}

Task<bus::ShowBalance::Reply> Filesystem::balance() {
  bus::ShowBalance ask;
  co_return co_await parts_->context.master.ask(std::move(ask), "ask about balance", parts_->context.deadline(),
                                                MasterClient::Who::master);
}

Task<bus::ListRepairs::Reply> Filesystem::repairs(std::uint32_t limit) {
  bus::ListRepairs ask{limit};
  co_return co_await parts_->context.master.ask(std::move(ask), "list repairs", parts_->context.deadline(),
                                                MasterClient::Who::master);
}

Task<bus::Explain::Reply> Filesystem::explain(bus::Explain ask) {
  co_return co_await parts_->context.master.ask(std::move(ask), "ask why", parts_->context.deadline(),
                                                MasterClient::Who::master);
}

Task<bus::ListMembers::Reply> Filesystem::members(bus::Address of, bus::ListMembers ask) {
  return parts_->ask_server(of.empty() ? parts_->context.settings.master : std::move(of), std::move(ask),
                            "list members");
}

Task<bus::ScrubStatus::Reply> Filesystem::scrub_status(bus::Address server) {
  return parts_->ask_server(std::move(server), bus::ScrubStatus{}, "ask how far scrubbing is");
}

Task<> Filesystem::control_scrub(bus::Address server, bus::ScrubOrder order) {
  bus::ControlScrub ask{order};
  (void)co_await parts_->ask_server(std::move(server), std::move(ask), "give an order to scrubbing");
}

Task<bus::InspectChunk::Reply> Filesystem::inspect(bus::Address server, ChunkHandle handle, bool verify) {
  bus::InspectChunk ask{handle, verify};
  return parts_->ask_server(std::move(server), std::move(ask), fmt::format("inspect chunk {}", handle));
}

void Filesystem::use_request(RequestId request) { parts_->context.master.use_request(request); }

Task<> Filesystem::close_client() {
  MasterClient& master = parts_->context.master;
  if (!master.used()) co_return;  // it was never heard of
  bus::CloseClient ask{master.client()};
  co_await master.change_aside(std::move(ask), "close this client", parts_->context.deadline());
}

std::uint64_t Filesystem::chunk_size() const { return parts_->context.master.chunk_size(); }

std::optional<Staleness> Filesystem::take_staleness() { return parts_->context.master.take_staleness(); }

std::uint64_t Filesystem::last_index() const { return parts_->context.master.last_index(); }

}  // namespace gfs::client
