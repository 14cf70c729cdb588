// gfs-sim: a whole cluster in one thread and virtual time, with faults from a seed, judged by checkers.
//
//   gfs-sim --seed N --minutes M [--seeds K] [--faults all|none|LIST] [--mutant NAME] [--list-mutants] [--verbose]
//
// Exit 0: clean. 1: a checker failed (its name and the replay command on stderr); no seed is run after it. 2: usage.
// The last line of stdout is "trace hash <16 hex digits>", of the last seed that was run.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>

#include "base/log.h"
#include "tests/sim/run.h"

namespace {

const std::vector<std::string> kMutants = {"skip_log_sync", "apply_without_serial_check",
                                           "acknowledge_before_secondaries"};

std::string replay;  // the command for the seed that runs

// A failed CHECK ends the program: whoever sees it wants the seed too.
void on_abort(int) {
  (void)!write(STDERR_FILENO, replay.data(), replay.size());
  std::signal(SIGABRT, SIG_DFL);
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t seed = 1;
  std::uint64_t seeds = 1;
  double minutes = 1;
  std::string faults_text;
  std::string mutant;
  bool verbose = false;
  bool list_mutants = false;
  CLI::App app("Simulates a gfs cluster with faults and checks it", "gfs-sim");
  app.add_option("--seed", seed, "First seed");
  app.add_option("--seeds", seeds, "How many seeds, one after the other")->check(CLI::Range(1, 1000000));
  app.add_option("--minutes", minutes, "Virtual minutes with faults")->check(CLI::Range(0.01, 100000.0));
  app.add_option("--faults", faults_text, "all, none, or a list with commas; without it each seed chooses");
  app.add_option("--mutant", mutant, "A bug to put in")->check(CLI::IsMember(kMutants));
  app.add_flag("--list-mutants", list_mutants, "Name the bugs that can be put in");
  app.add_flag("--verbose", verbose, "Log what the nodes do, and each seed's plan");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (list_mutants) {
    for (const std::string& name : kMutants) fmt::print("{}\n", name);
    return 0;
  }
  const bool exactly = !faults_text.empty();
  gfs::Result<std::set<std::string>> faults = gfs::sim::parse_faults(exactly ? faults_text : "all");
  if (!faults) {
    fmt::print(stderr, "gfs-sim: {}\n", faults.error().message);
    return 2;
  }
  gfs::log::set_level(verbose ? gfs::log::Level::info : gfs::log::Level::off);
  std::uint64_t trace = 0;
  double virtual_seconds = 0;
  std::uint64_t run = 0;
  int failed = 0;
  std::signal(SIGABRT, on_abort);
  const auto began = std::chrono::steady_clock::now();
  for (std::uint64_t at = seed; at < seed + seeds; ++at) {
    const gfs::sim::Plan plan = gfs::sim::make_plan(at, minutes, *faults, exactly, mutant);
    if (verbose) fmt::print(stderr, "{}\n", plan.text());
    replay = fmt::format("replay: gfs-sim --seed {} --minutes {}{}{}\n", at, minutes,
                         exactly ? " --faults " + faults_text : "", mutant.empty() ? "" : " --mutant " + mutant);
    const gfs::sim::Verdict verdict = gfs::sim::run(plan);
    trace = verdict.trace;
    ++run;
    virtual_seconds += verdict.virtual_seconds;
    fmt::print("seed {}: {}, {}\n", at, verdict.faults_found.empty() ? "clean" : "FAILED", verdict.counts);
    std::fflush(stdout);
    if (verdict.faults_found.empty()) continue;
    ++failed;
    for (const std::string& fault : verdict.faults_found) fmt::print(stderr, "checker {}\n", fault);
    fmt::print(stderr, "{}", replay);
    break;
  }
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  fmt::print("{} seeds, {} failed, {:.0f} virtual seconds in {:.1f} s: {:.0f} times real time\n", run, failed,
             virtual_seconds, took, virtual_seconds / took);
  fmt::print("trace hash {:016x}\n", trace);
  return failed == 0 ? 0 : 1;
}
