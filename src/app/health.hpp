#pragma once

#include <iosfwd>
#include <string>

namespace guildhall::app {

/// Asks /readyz of the server at `url` ("http://127.0.0.1:8080") and prints its report, which names what is down and
/// what that degrades. Throws Unavailable when the server is not ready or does not answer within two seconds.
void ask_readiness(const std::string& url, std::ostream& out);

}  // namespace guildhall::app
