#include "tests/sim/stories.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "client_cli/client/filesystem.h"
#include "tests/sim/client.h"
#include "tests/sim/cluster.h"

namespace gfs::sim {

namespace {

constexpr int kServers = 15, kRacks = 3;
constexpr std::size_t kFiles = 150, kWorkers = 3;
constexpr std::uint64_t kChunk = 256 << 10, kDisk = 32 << 20;
constexpr std::size_t kNew = 40;
constexpr Duration kMeasured = 20s;
constexpr Duration kPatience = 30min, kAsk = 60s;
constexpr double kNear = 0.06;  // of the mean: half the threshold, and a chunk

Plan story_plan(std::uint64_t seed, std::uint64_t disk) {
  Plan plan = make_plan(seed, 1, {}, true, "");
  plan.chunkservers = kServers;
  plan.chunk_size = kChunk;
  plan.disk_capacity = disk;
  plan.lease = 60s;
  plan.heartbeat = 1s;
  plan.journal_segment = 256 << 10;
  plan.log_segment = 64 << 20;
  plan.checkpoint_after = 256 << 20;
  return plan;
}

class Stage {
 public:
  Stage(std::uint64_t seed, std::uint64_t disk, bool tell)
      : tell_(tell),
        random_(seed * 77 + 9),
        network_(world_, seed * 31 + 19),
        plan_(story_plan(seed, disk)),
        cluster_(world_, network_, plan_),
        node_(world_),
        client_random_(seed + 0x57a9e),
        bus_(network_, node_, "client"),
        filesystem_(node_, client_random_, bus_, client_settings(plan_)),
        files_(kFiles) {
    result_.seed = seed;
  }
  ~Stage() { tasks_.cancel(); }

  SeedResult run(const std::string& name) {
    const int first = name == "newcomer" ? kServers - 1 : kServers;
    cluster_.start_master();
    for (int i = 0; i < first; ++i) cluster_.start_chunkserver(i);
    if (!world_.run_until([&] { return cluster_.registered() == first; }, 60s)) {
      found("the cluster does not start");
    } else if (learn_servers() && write_all()) {
      for (std::size_t i = 0; i < kWorkers; ++i) tasks_.spawn(work());
      if (name == "rack") rack();
      if (name == "newcomer") newcomer();
      if (name == "drain") drain();
      if (name == "gray") gray();
      stopping_ = true;
      if (!world_.run_until([&] { return working_ == 0; }, 120s)) found("clients hang");
      read_all();
      tell("{} writes, the longest took {} ms; {} reads, the longest {} ms", writes_, to_ms(longest_write_), reads_,
           to_ms(longest_read_));
    }
    for (const std::string& what : cluster_.broken()) found(what);
    if (!result_.faults_found.empty()) tell_decisions();
    result_.trace = network_.trace_hash() * 1099511628211ull ^ world_.steps();
    result_.virtual_seconds = to_seconds(world_.now().time_since_epoch());
    result_.counts = fmt::format("{}: {} writes, {} reads", name, writes_, reads_);
    return std::move(result_);
  }

 private:
  struct FileState {
    std::uint64_t content = 0;  // number of what was written last
    bool busy = false;          // it is being written: nobody reads it meanwhile
  };

  void found(const std::string& what) {
    result_.faults_found.push_back(
        fmt::format("story: at {:.1f} s {}", to_seconds(world_.now().time_since_epoch()), what));
  }
  template <class... Values>
  void tell(fmt::format_string<Values...> text, Values&&... values) {
    if (!tell_) return;
    fmt::print("{:8.1f} s  {}\n", to_seconds(world_.now() - begun_),
               fmt::format(text, std::forward<Values>(values)...));
  }
  static std::string path(std::size_t file) { return fmt::format("/file{}", file); }
  static int rack_of(int server) { return server % kRacks; }

  static Bytes content(std::size_t file, std::uint64_t number) {
    std::string text(kChunk, '\0');
    for (std::size_t i = 0; i < text.size(); ++i)
      text[i] = static_cast<char>((i * 31 + i / 4096 + file * 7 + number * 131) & 0xff);
    return Bytes::of(std::move(text));
  }

  bool learn_servers() {
    Result<std::vector<bus::ServerInfo>> servers = world_.run(filesystem_.servers(), kAsk);
    for (const bus::ServerInfo& server : servers ? *servers : std::vector<bus::ServerInfo>{})
      ids_[std::stoi(server.address.substr(std::string("tcp://cs").size()))] = server.server;
    if (ids_.empty()) found("the master does not tell its servers");
    return !ids_.empty();
  }

  bool write_all() {
    for (std::size_t file = 0; file < kFiles; ++file) {
      if (world_.run(write(file), kAsk)) continue;
      found(path(file) + " cannot be written");
      return false;
    }
    begun_ = world_.now();
    return true;
  }

  // Until it has succeeded: then it is known what the file holds.
  Task<> write(std::size_t number) {
    FileState& file = files_[number];
    file.busy = true;
    const Instant began = world_.now();
    while (true) {
      Result<> written = co_await write_once(number, file.content + 1).outcome();
      if (written) break;
      co_await node_.sleep(200ms);
    }
    ++file.content;
    file.busy = false;
    ++writes_;
    longest_write_ = std::max<Duration>(longest_write_, world_.now() - began);
    write_times_.push_back(world_.now() - began);
  }
  Task<> write_once(std::size_t number, std::uint64_t version) {
    std::string name = path(number);
    std::shared_ptr<client::File> file = co_await filesystem_.open(std::move(name), client::Filesystem::Open::create);
    Bytes bytes = content(number, version);
    co_await file->write(0, std::move(bytes));
  }
  Task<> read(std::size_t number) {
    const Instant began = world_.now();
    files_[number].busy = true;
    std::string name = path(number);
    Result<std::shared_ptr<client::File>> file =
        co_await filesystem_.open(std::move(name), client::Filesystem::Open::read).outcome();
    Result<Bytes> bytes = fail(Code::unavailable, "not opened");
    if (file) bytes = co_await (*file)->read(0, kChunk).outcome();
    files_[number].busy = false;
    if (!file || !bytes) {
      found(fmt::format("{} cannot be read: {}", path(number), file ? bytes.error().text() : file.error().text()));
      co_return;
    }
    if (bytes->view() != content(number, files_[number].content).view())
      found(fmt::format("{} does not hold what was written last", path(number)));
    ++reads_;
    longest_read_ = std::max<Duration>(longest_read_, world_.now() - began);
    read_times_.push_back(world_.now() - began);
  }
  Task<> work() {
    ++working_;
    while (!stopping_) {
      const auto number = static_cast<std::size_t>(random_.below(kFiles));
      if (!files_[number].busy) {
        if (random_.chance(0.5)) {
          co_await write(number);
        } else {
          co_await read(number);
        }
      }
      co_await node_.sleep(random_.jitter(pause_));
    }
    --working_;
  }
  void read_all() {
    for (std::size_t file = 0; file < kFiles; ++file) (void)world_.run(read(file), kAsk);
  }

  // Why members went, lately.
  void tell_decisions() {
    Result<bus::Explain::Reply> why = world_.run(filesystem_.explain({.limit = 1000}), kAsk);
    std::size_t told = 0;
    for (const bus::Explain::Decision& one : why ? why->decisions : std::vector<bus::Explain::Decision>{}) {
      if (one.kind == "dropped" && ++told <= 20)
        tell("{} s before: {} {} {}", (why->now_ms - one.time_ms) / 1000, one.handle, one.server, one.text);
    }
  }

  std::optional<bus::ClusterStatus::Reply> status() {
    Result<bus::ClusterStatus::Reply> status = world_.run(filesystem_.status(), kAsk);
    return status ? std::optional(std::move(*status)) : std::nullopt;
  }
  // Looks once a second, tells what has changed, until it is as wanted. False: it has not come.
  bool watch(const std::string& what, const std::function<bool(const bus::ClusterStatus::Reply&)>& wanted) {
    for (const Instant end = world_.now() + kPatience; world_.now() < end; world_.run_for(1s)) {
      const std::optional<bus::ClusterStatus::Reply> now = status();
      if (!now) continue;
      std::string seen =
          fmt::format("{} up  {} suspect  {} lost   chunks with 0, 1, 2, 3 replicas: {}   {}", now->up, now->suspect,
                      now->lost, fmt::join(now->by_sound, "  "), fmt::join(now->codes, " "));
      if (seen != seen_) tell("{}", seen);
      seen_ = std::move(seen);
      if (wanted(*now)) return true;
    }
    found(what);
    return false;
  }
  std::uint64_t copied() {
    Result<bus::ListRepairs::Reply> repairs = world_.run(filesystem_.repairs(0), kAsk);
    return repairs ? repairs->copied_chunks : 0;
  }
  std::optional<bus::ShowBalance::Reply> balance() {
    Result<bus::ShowBalance::Reply> balance = world_.run(filesystem_.balance(), kAsk);
    return balance ? std::optional(std::move(*balance)) : std::nullopt;
  }
  // Files whose chunk is in fewer than three racks.
  std::size_t crowded() {
    std::size_t count = 0;
    for (std::size_t file = 0; file < kFiles; ++file) {
      std::set<int> racks;
      for (int number : holders(path(file))) racks.insert(rack_of(number));
      count += racks.size() < kRacks;
    }
    return count;
  }

  void rack() {
    tell("a rack of {} servers loses its power", kServers / kRacks);
    for (int i = 0; i < kServers; i += kRacks) cluster_.power_cut_chunkserver(i);
    bool held_back = false;
    std::uint64_t copied_before = 0, copied_meanwhile = 0;
    const bool whole = watch("the chunks are not whole again", [&](const bus::ClusterStatus::Reply& now) {
      if (std::ranges::find(now.codes, "GFS_REPAIR_HELD_BACK") != now.codes.end()) {
        const std::uint64_t now_copied = copied();
        if (!std::exchange(held_back, true)) copied_before = now_copied;
        copied_meanwhile = now_copied - copied_before;
      }
      return now.lost == kServers / kRacks && now.chunks_under == 0 && now.chunks_lost == 0;
    });
    if (!whole) return;
    if (!held_back) found("a rack was lost, and repair was not held back");
    // Those that were under way then end.
    if (copied_meanwhile > 2 * kServers) found(fmt::format("{} copies while repair was held back", copied_meanwhile));
    tell("{} copies; {} files are in two racks", copied(), crowded());
    for (int i = 0; i < kServers; i += kRacks) cluster_.start_chunkserver(i);
    tell("the rack is back");
    pause_ = 500ms;  // it takes minutes
    const std::uint64_t before = copied();
    if (!watch("not all are up again", [](const auto& now) { return now.up == kServers && now.chunks_under == 0; }))
      return;
    bool spread = false;
    for (const Instant end = world_.now() + kPatience; world_.now() < end && !spread; world_.run_for(5s))
      spread = crowded() == 0;
    const std::optional<bus::ShowBalance::Reply> balance = this->balance();
    tell("{} files are in two racks; {} repairs and {} moves since it is back", crowded(), copied() - before,
         balance ? balance->moved : 0);
    if (!spread) found("the racks are not spread over again");
  }

  void newcomer() {
    auto share_of = [&](const bus::ShowBalance::Reply& balance, ServerId id) {
      auto at = std::ranges::find(balance.servers, id, &bus::ShowBalance::Server::server);
      return at == balance.servers.end() ? -1.0 : at->share;
    };
    cluster_.start_chunkserver(kServers - 1);
    tell("a server comes that is empty");
    if (!watch("it is not up", [](const auto& now) { return now.up == kServers; })) return;
    learn_servers();
    const ServerId newcomer = ids_.at(kServers - 1);
    std::string seen;
    bool even = false, began = false;
    for (const Instant end = world_.now() + kPatience; world_.now() < end && !even; world_.run_for(2s)) {
      const std::optional<bus::ShowBalance::Reply> now = balance();
      if (!now) continue;
      const double share = share_of(*now, newcomer);
      std::string line = fmt::format("it is {:.0f} % full, the mean is {:.0f} %", 100 * share, 100 * now->mean);
      if (line != seen) tell("{}, {} replicas moved", line, now->moved);
      seen = std::move(line);
      began = began || now->filling;
      even = began && !now->filling && share > now->mean - kNear;
    }
    if (!even) found("it was not filled");
    const std::optional<bus::ShowBalance::Reply> after = balance();
    for (const bus::ShowBalance::Server& one : after ? after->servers : std::vector<bus::ShowBalance::Server>{}) {
      if (std::abs(one.share - after->mean) > 2 * kNear)
        found(fmt::format("a server is {:.0f} % full, the mean is {:.0f} %", 100 * one.share, 100 * after->mean));
    }
    if (crowded() > 0) found(fmt::format("{} files lost a rack by it", crowded()));
  }

  void drain() {
    const int number = 4;
    const ServerId server = ids_.at(number);
    Result<bus::AskStop::Reply> before = world_.run(filesystem_.ask_stop({server}), kAsk);
    bus::MarkServer mark;
    mark.server = server;
    mark.mark = bus::ServerMark::drain;
    const Result<> marked = world_.run(filesystem_.mark_server(mark), kAsk);
    if (!marked) return found("it is not told to drain: " + marked.error().text());
    tell("cs{} drains, with {} chunks", number, before ? before->chunks : 0);
    std::string seen;
    bool ok = false;
    for (const Instant end = world_.now() + kPatience; world_.now() < end && !ok; world_.run_for(1s)) {
      Result<bus::AskStop::Reply> may = world_.run(filesystem_.ask_stop({server}), kAsk);
      if (!may) continue;
      ok = may->ok;
      std::string line = may->ok ? "yes" : "no, " + may->why;
      if (line != seen) tell("ok-to-stop: {}", line);
      seen = std::move(line);
    }
    if (!ok) return found("it may not stop");
    cluster_.kill_chunkserver(number);
    if (!watch("it is not lost", [](const auto& now) { return now.lost == 1; })) return;
    if (status()->chunks_under > 0) found("chunks are short of a replica, though it had drained");
    const Result<> forgotten = world_.run(filesystem_.forget_server(server), kAsk);
    if (!forgotten) return found("it is not forgotten: " + forgotten.error().text());
    tell("cs{} is forgotten", number);
    if (!watch("all is not well", [](const auto& now) { return now.up == kServers - 1 && now.lost == 0; })) return;
    if (crowded() > 0) found(fmt::format("{} files are in fewer racks", crowded()));
  }

  static std::int64_t p99(std::vector<Duration> times) {
    if (times.empty()) return 0;
    std::ranges::sort(times);
    return to_ms(times[std::min(times.size() - 1, times.size() * 99 / 100)]);
  }
  // How long clients take for a while.
  std::pair<std::int64_t, std::int64_t> measure(const std::string& when) {
    write_times_.clear();
    read_times_.clear();
    world_.run_for(kMeasured);
    const std::pair<std::int64_t, std::int64_t> times{p99(write_times_), p99(read_times_)};
    tell("{}: p99 of {} writes {} ms, of {} reads {} ms", when, write_times_.size(), times.first, read_times_.size(),
         times.second);
    return times;
  }
  // Server numbers that hold a file's chunk.
  std::set<int> holders(const std::string& name) {
    std::set<int> numbers;
    Result<std::vector<bus::ListChunks::Chunk>> chunks = world_.run(filesystem_.chunks(name), kAsk);
    for (const bus::ListChunks::Chunk& chunk : chunks ? *chunks : std::vector<bus::ListChunks::Chunk>{}) {
      for (const bus::ListChunks::Holder& holder : chunk.members) {
        if (holder.member) numbers.insert(std::stoi(holder.address.substr(std::string("tcp://cs").size())));
      }
    }
    return numbers;
  }

  void gray() {
    const std::string host = "cs7";
    const auto before = measure("before");
    network_.set_judge([host](const std::string& from, const std::string& to, const bus::Frames& frames) {
      if (from != host && to != host) return bus::SimNetwork::Odds{};
      return bus::SimNetwork::Odds{.delay = std::chrono::microseconds(frames.size() * 8)};  // 1 Mbit/s
    });
    tell("the link of {} falls back to 1 Mbit/s", host);
    const Instant since = world_.now();
    const bool noticed = watch("it is not found to be slow", [](const auto& now) { return now.slow == 1; });
    if (!noticed) return;
    const Duration after = world_.now() - since;
    if (after > 30s) found(fmt::format("it was found to be slow after {} ms", to_ms(after)));
    Result<bus::Explain::Reply> why = world_.run(filesystem_.explain({.server = ids_.at(7)}), kAsk);
    for (const std::string& line : why ? why->now : std::vector<std::string>{}) {
      if (line.contains("slow")) tell("{}", line);
    }
    (void)measure("old files");
    // New files stay clear of it.
    stopping_ = true;
    if (!world_.run_until([&] { return working_ == 0; }, 120s)) return found("clients hang");
    write_times_.clear();
    read_times_.clear();
    for (std::size_t i = 0; i < kNew; ++i) {
      files_.emplace_back();
      (void)world_.run(write(kFiles + i), kAsk);
      (void)world_.run(read(kFiles + i), kAsk);
      if (holders(path(kFiles + i)).contains(7)) found(path(kFiles + i) + " is on the slow server");
    }
    tell("new files: p99 of {} writes {} ms, of {} reads {} ms", write_times_.size(), p99(write_times_),
         read_times_.size(), p99(read_times_));
    if (p99(read_times_) > 3 * std::max<std::int64_t>(before.second, 1))
      found("reads of new files take more than three times as long");
    network_.set_judge({});
    if (!watch("it stays slow", [](const auto& now) { return now.slow == 0; })) return;
  }

  const bool tell_;
  Random random_;
  SimExecutor world_;
  bus::SimNetwork network_;
  const Plan plan_;
  Cluster cluster_;
  NodeExecutor node_;
  Random client_random_;
  bus::SimBus bus_;
  client::Filesystem filesystem_;
  std::vector<FileState> files_;
  std::map<int, ServerId> ids_;
  SeedResult result_;
  Instant begun_{};
  std::string seen_;
  bool stopping_ = false;
  Duration pause_ = 20ms;  // of a worker, between two operations
  std::size_t working_ = 0;
  std::uint64_t writes_ = 0, reads_ = 0;
  Duration longest_write_{}, longest_read_{};
  std::vector<Duration> write_times_, read_times_;
  TaskGroup tasks_;
};

}  // namespace

SeedResult run_story(const std::string& name, std::uint64_t seed, bool tell) {
  // While a rack is away the others hold its share, and what is copied is there twice for a moment.
  return Stage(seed, name == "rack" ? 2 * kDisk : kDisk, tell).run(name);
}

}  // namespace gfs::sim
