// gfs-chunkserver: keeps chunks in one directory and serves them.
#include <malloc.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/event_loop.h"
#include "base/log.h"
#include "base/posix_disk.h"
#include "bus/zmq_bus.h"
#include "chunkserver/chunkserver.h"
#include "chunkserver/config.h"

namespace gfs::chunkserver {

namespace {

EventLoop* signalled_loop = nullptr;

void on_signal(int) { signalled_loop->stop(); }

int exit_code_of(Code code) {
  switch (code) {
    case Code::invalid_argument:
    case Code::malformed:
      return 2;
    case Code::not_found:
      return 3;
    case Code::already_exists:
    case Code::conflict:
    case Code::in_use:
    case Code::wrong_cluster:
    case Code::not_formatted:
      return 4;
    case Code::not_allowed:
    case Code::read_only:
      return 5;
    case Code::unreachable:
    case Code::deadline:
    case Code::unavailable:
      return 6;
    case Code::corrupt:
      return 8;
    case Code::refused:
      return 9;
    default:
      return 1;
  }
}

std::string_view advice_for(Code code) {
  switch (code) {
    case Code::in_use:
      return "stop the other process, or choose another --data or --listen";
    case Code::wrong_cluster:
      return "start it with the --master of its own cluster, or give it an empty --data directory";
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

int complain(std::string_view what, const Error& error) {
  std::fprintf(stderr, "gfs-chunkserver: %.*s\n  why: %s\n", static_cast<int>(what.size()), what.data(),
               error.text().c_str());
  const std::string_view advice = advice_for(error.code);
  if (!advice.empty()) std::fprintf(stderr, "  try: %.*s\n", static_cast<int>(advice.size()), advice.data());
  return exit_code_of(error.code);
}

int run(const Options& options, Settings settings) {
  EventLoop loop;
  signalled_loop = &loop;
  struct sigaction action{};
  action.sa_handler = on_signal;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);

  Random random(Random::seed_from_machine());
  Result<std::unique_ptr<PosixDisk>> disk = PosixDisk::open(options.data, loop);
  if (!disk) return complain("cannot open " + options.data, disk.error());
  bus::ZmqBus bus(loop, random);
  ChunkServer server(loop, random, bus, **disk, std::move(settings));
  Result<> started = loop.run(server.start());
  if (!started && started.error().code == Code::cancelled) return 0;  // a signal came first
  if (!started) return complain("cannot start in " + options.data, started.error());
  log::info("listening", {{"control", server.listening().control}, {"data", server.listening().data}});

  Result<Error> fatal = loop.run(server.fatal());
  const bool died = fatal.has_value();
  if (!died) log::info("stopping");
  Result<> stopped = loop.run(server.stop());
  if (died) return complain("cannot go on in " + options.data, *fatal);
  if (!stopped && stopped.error().code != Code::cancelled) return complain("did not stop cleanly", stopped.error());
  log::info("stopped");
  return 0;
}

int parse_and_run(int argc, char** argv) {
  CLI::App app{"Keeps chunks of gfs files in a directory and serves them.", "gfs-chunkserver"};
  app.set_version_flag("--version", "gfs-chunkserver " GFS_VERSION);
  Options options;
  std::string file;
  app.add_option("--data", options.data, "directory of this server; an empty one is taken over");
  app.add_option("--master", options.masters, "control address of the master, several with commas: tcp://HOST:PORT");
  app.add_option("--listen", options.listen, "control address; bulk data comes in one port further");
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
  // Fragments come and go by the thousand: keep their memory instead of mapping and unmapping it each time.
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
  mallopt(M_TRIM_THRESHOLD, 32 << 20);
  mallopt(M_ARENA_MAX, 2);
  return gfs::chunkserver::parse_and_run(argc, argv);
}
