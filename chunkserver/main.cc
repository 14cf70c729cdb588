// gfs-chunkserver: keeps chunks in directories, one per disk, and serves them.
#include <CLI/CLI.hpp>

#include "base/daemon.h"
#include "base/log.h"
#include "base/posix_disk.h"
#include "bus/zmq_bus.h"
#include "bus/zmq_context.h"
#include "chunkserver/chunkserver.h"
#include "chunkserver/config.h"
#include "gossip/gossip_service.h"

namespace gfs::chunkserver {

namespace {

constexpr std::string_view kProgram = "gfs-chunkserver";

std::string_view advice_for(Code code) {
  switch (code) {
    case Code::in_use:
      return "stop the other process, or choose another --data or --listen";
    case Code::wrong_cluster:
      return "start it with the --master of its own cluster, or give it an empty --data directory";
    case Code::conflict:
      return "give each server its own directories: the first --data is the one with the file 'identity'";
    case Code::corrupt:
    case Code::not_formatted:
      return "the chunks here have copies elsewhere: move the directory away and start with an empty one";
    case Code::read_only:
      return "check the disk and the directory's owner and mode";
    case Code::refused:
      return "listen on tcp://127.0.0.1:PORT, or add --insecure on a network you trust";
    case Code::invalid_argument:
      return "see gfs-chunkserver --help";
    default:
      return {};
  }
}

int complain(const std::string& what, const Error& error) {
  return gfs::complain(kProgram, what, error, advice_for(error.code));
}

// What the server cannot live with; says meanwhile that it is ready, once it is.
Task<Error> serve(ChunkServer& server) {
  TaskGroup group;
  group.spawn(server.ready(), [](Result<void> ready) {
    if (ready) notify_ready();
  });
  co_return co_await server.fatal();
}

int run(const Options& options, Settings settings) {
  EventLoop loop;
  stop_on_signals(loop);
  Random random(Random::seed_from_machine());
  const std::string& first = options.data.front();
  std::vector<std::unique_ptr<PosixDisk>> opened;
  std::vector<DataDisk> disks;
  for (const std::string& name : options.data) {
    // Only the first is made: a mount point that is missing must not become a directory on the disk beneath.
    Result<std::unique_ptr<PosixDisk>> disk = PosixDisk::open(name, loop, {.create = disks.empty()});
    if (!disk && disks.empty()) return complain("cannot open " + first, disk.error());
    disks.push_back({name, disk ? disk->get() : nullptr, disk ? "" : disk.error().message});
    if (disk) opened.push_back(std::move(*disk));
  }
  bus::ZmqBus bus(loop, random);
  bus::ZmqBus gossip(loop, random, gossip::bus_limits());
  ChunkServer server(loop, random, bus, std::move(disks), std::move(settings), &gossip);
  Result<> started = loop.run(server.start());
  if (!started && started.error().code == Code::cancelled) return 0;  // a signal came first
  if (!started) return complain("cannot start in " + first, started.error());
  log::info("listening", {{"control", server.listening().control}, {"data", server.listening().data}});

  Result<Error> fatal = loop.run(serve(server));
  const bool died = fatal.has_value();
  if (!died) log::info("stopping");
  Result<> stopped = loop.run(server.stop());
  if (died) return complain("cannot go on in " + first, *fatal);
  if (!stopped && stopped.error().code != Code::cancelled) return complain("did not stop cleanly", stopped.error());
  log::info("stopped");
  return 0;
}

int parse_and_run(int argc, char** argv) {
  CLI::App app{"Keeps chunks of gfs files in directories, one per disk, and serves them.", std::string(kProgram)};
  app.set_version_flag("--version", "gfs-chunkserver " GFS_VERSION);
  Options options;
  std::string file;
  app.add_option("--data", options.data,
                 "directory of this server; an empty one is taken over. Again for each further disk: an existing "
                 "directory, that may be missing later")
      ->allow_extra_args(false);
  app.add_option("--forget-disk", options.forget_disks,
                 "a directory, as --data named it, whose disk will not come back: an empty one there is a new disk")
      ->allow_extra_args(false);
  app.add_option("--master", options.masters, "control address of the master, several with commas: tcp://HOST:PORT");
  app.add_option("--listen", options.listen, "control address; bulk data comes in one port further, gossip three");
  app.add_option("--advertise", options.advertise, "control address others dial (default: as bound)");
  app.add_option("--rack", options.rack, "where it stands; copies are spread over racks (default: default)");
  app.add_option("--config", file, "TOML file with the same names; flags win");
  app.add_flag("--insecure", options.insecure, "bind addresses beyond loopback without keys");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  Settings settings;
  Result<> ready;
  if (!file.empty()) ready = read_file(file, options, settings);
  if (ready) ready = apply(options, settings);
  if (!ready) return complain("cannot be started like this", ready.error());
  return run(options, std::move(settings));
}

}  // namespace

}  // namespace gfs::chunkserver

int main(int argc, char** argv) {
  gfs::bus::tune_memory();
  gfs::bus::raise_descriptor_limit();
  return gfs::chunkserver::parse_and_run(argc, argv);
}
