// What a program ends with, and what is said about an error: what failed / why (server and reason) / what to try. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/id.h"
#include "base/result.h"
#include "client_cli/cli/output.h"

namespace gfs::cli {

// Frozen: scripts rely on them.
enum Exit : int {
  kOk = 0,
  kFailed = 1,
  kUsage = 2,
  kNotFound = 3,
  kConflict = 4,
  kNotAllowed = 5,
  kUnavailable = 6,  // safe to retry
  kPartly = 7,
  kIntegrity = 8,
  kRefused = 9,
  kInterrupted = 130,
};

Exit exit_code(Code code);

struct Told {
  std::string_view verb;
  std::string master;                // address, for errors that name no server
  std::optional<RequestId> request;  // of a mutation that was sent
  bool repeatable = false;           // the verb takes --req
  std::string advice;                // the verb's own, instead of what is said of such errors
};
// Three lines, without the last line end.
std::string error_text(const Error& error, const Told& told);
// {"v":1,"error":{...}}, with "try" only if the verb has an advice of its own.
Json error_json(const Error& error, const Told& told);

}  // namespace gfs::cli
