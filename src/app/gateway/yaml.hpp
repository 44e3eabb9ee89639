#pragma once

#include <string>

#include <boost/json/value.hpp>

namespace guildhall::app {

/// A JSON value as YAML 1.2 in block style; texts are quoted, so that none is taken for a number or a date.
std::string to_yaml(const boost::json::value& value);

}  // namespace guildhall::app
