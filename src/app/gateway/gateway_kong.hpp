#pragma once

#include <string>

#include "app/gateway/gateway.hpp"

namespace guildhall::app {

/// A declarative configuration (kong.yml, format 3.0) for Kong 3.6 or later, with plugins that its open-source edition
/// has.
/// Throws std::runtime_error when `options.jwks` is no set of ES256 keys.
std::string kong_configuration(const Gateway& gateway);

}  // namespace guildhall::app
