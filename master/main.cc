// gfs-master: keeps the names of a gfs cluster and says where its chunks are.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/daemon.h"
#include "base/event_loop.h"
#include "base/log.h"
#include "base/posix_disk.h"
#include "bus/zmq_bus.h"
#include "bus/zmq_context.h"
#include "gossip/gossip_service.h"
#include "master/config.h"
#include "master/service_manager.h"

namespace gfs::master {

namespace {

EventLoop* signalled_loop = nullptr;
volatile sig_atomic_t signals = 0;

void on_signal(int) {
  signals = signals + 1;
  signalled_loop->stop();
}

std::string_view advice_for(Code code) {
  switch (code) {
    case Code::in_use:
      return "stop the other process, or choose another --data or --listen";
    case Code::not_formatted:
      return "--format makes a new cluster in an empty directory; or check --data";
    case Code::corrupt:
    case Code::wrong_cluster:
      return "restore this file from a copy (a whole directory: docs/restoring_the_master.md); nothing in the directory was "
             "changed";
    case Code::wrong_version:
      return "start the newer program that wrote it";
    case Code::read_only:
      return "check the disk and the directory's owner and mode";
    case Code::no_space:
      return "free some space on this disk";
    case Code::refused:
      return "choose an empty directory for --format, a higher number for --adopt-new-epoch, a loopback address for "
             "--listen, or add --insecure on a network you trust";
    case Code::invalid_argument:
    case Code::malformed:
      return "see gfs-master --help";
    default:
      return {};
  }
}

int complain(std::string_view what, const Error& error) {
  std::fprintf(stderr, "gfs-master: %.*s\n  why: %s\n", static_cast<int>(what.size()), what.data(),
               error.text().c_str());
  const std::string_view advice = advice_for(error.code);
  if (!advice.empty()) std::fprintf(stderr, "  try: %.*s\n", static_cast<int>(advice.size()), advice.data());
  return exit_code_of(error.code);
}

void end_with_signals(EventLoop& loop) {
  signalled_loop = &loop;
  struct sigaction action{};
  action.sa_handler = on_signal;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

int run_shadow(ShadowSettings settings) {
  EventLoop loop;
  end_with_signals(loop);
  Random random(Random::seed_from_machine());
  bus::ZmqBus bus(loop, random);
  const std::string follow = settings.follow;
  Shadow shadow(loop, random, bus, std::move(settings));
  Result<> started = loop.run(shadow.start());
  if (!started && signals > 0) return 0;
  if (!started) return complain("cannot follow " + follow, started.error());
  notify_service_manager("READY=1");
  if (signals == 0) loop.run();
  notify_service_manager("STOPPING=1");
  shadow.stop();
  log::info("stopped");
  return 0;
}

int run(const Options& options, Settings settings) {
  EventLoop loop;
  end_with_signals(loop);
  Random random(Random::seed_from_machine());
  PosixDisk::Options for_disk;
  for_disk.create = settings.format;
  Result<std::unique_ptr<PosixDisk>> disk = PosixDisk::open(options.data, loop, for_disk);
  if (!disk && disk.error().code == Code::not_found) disk.error().code = Code::not_formatted;
  if (!disk) return complain("cannot open " + options.data, disk.error());
  bus::ZmqBus bus(loop, random);
  bus::ZmqBus gossip(loop, random, gossip::bus_limits());
  Promise<Error> died;
  settings.fatal = [&died](const Error& error) { died.set(error); };
  Master master(loop, random, bus, **disk, std::move(settings), &gossip);
  Result<> started = loop.run(master.start());
  if (!started && signals > 0) return 0;
  if (!started) return complain("cannot start in " + options.data, started.error());
  notify_service_manager("READY=1");

  auto wait = [](Promise<Error>& promise) -> Task<Error> { co_return co_await promise.future(); };
  Result<Error> fatal = loop.run(wait(died));
  if (fatal) return complain("cannot go on in " + options.data, *fatal);
  notify_service_manager("STOPPING=1");
  log::info("stopping");
  Result<> stopped = loop.run(master.stop());
  if (!stopped && (signals < 2 || stopped.error().code == Code::io_error))
    return complain("did not stop cleanly", stopped.error());
  log::info("stopped");
  return 0;
}

int parse_and_run(int argc, char** argv) {
  CLI::App app{"Keeps the names of a gfs cluster and says where its chunks are.", "gfs-master"};
  app.set_version_flag("--version", "gfs-master " GFS_VERSION);
  Options options;
  std::string file;
  app.add_option("--data", options.data, "directory of the log; one master at a time")->type_name("DIR");
  app.add_option("--listen", options.listen, "control address: tcp://HOST:PORT (events two ports further, gossip three), ipc://PATH")
      ->type_name("ADDR");
  app.add_flag("--format", options.format, "make a new cluster in an empty or missing directory, then serve it");
  CLI::Option* adopt =
      app.add_option("--adopt-new-epoch", options.epoch,
                     "the directory was restored from a copy, or its log was cut: let it count from now on, in the "
                     "next log epoch, or in this one (2 to 1024). Once; leave it out afterwards")
          ->expected(0, 1)
          ->type_name("[=EPOCH]");
  app.add_option("--config", file, "TOML file with the same names and more (master/README.md); flags win")
      ->type_name("FILE");
  app.add_option("--advertise", options.advertise, "control address others dial (default: as bound)")
      ->type_name("ADDR");
  app.add_flag("--insecure", options.insecure, "bind addresses beyond loopback without keys");
  app.add_option("--follow", options.follow,
                 "be a shadow of the master there: answers reads, which may be a moment old, and refuses changes; keeps "
                 "nothing on disk (no --data)")
      ->type_name("ADDR");
  app.footer(
      "Example: gfs-master --data ./master --listen tcp://127.0.0.1:7500 --format\n"
      "A shadow: gfs-master --follow tcp://127.0.0.1:7500 --listen tcp://127.0.0.1:7600");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  options.adopt_new_epoch = adopt->count() > 0;
  Settings settings;
  Result<> ready;
  if (!file.empty()) ready = read_file(file, options, settings);
  if (ready && !options.follow.empty()) {
    Result<ShadowSettings> shadow = shadow_from(options);
    if (!shadow) return complain("cannot be started like this", shadow.error());
    return run_shadow(std::move(*shadow));
  }
  if (ready) ready = apply(options, settings);
  if (!ready) return complain("cannot be started like this", ready.error());
  return run(options, std::move(settings));
}

}  // namespace

}  // namespace gfs::master

int main(int argc, char** argv) {
  gfs::bus::tune_memory();
  gfs::bus::raise_descriptor_limit();
  return gfs::master::parse_and_run(argc, argv);
}
