#pragma once

#include <string>
#include <string_view>

#include "platform/base/metrics.hpp"
#include "platform/json/write.hpp"

namespace guildhall::neo4j {

/// A Cypher statement, encoded once. Values that vary are parameters, never part of the text.
class Query {
public:
    /// `name` ("graph.suggest") identifies it in metrics and messages.
    Query(std::string_view name, std::string_view text);

    const std::string& name() const { return name_; }
    /// The text as a JSON string.
    const std::string& json() const { return json_; }
    metrics::Histogram& duration() const { return duration_; }

private:
    std::string name_;
    std::string json_;
    metrics::Histogram& duration_;
};

/// A query with the values of its parameters.
struct Step {
    const Query& query;
    std::string parameters;  // a JSON object
};

/// `parameters` is a described struct whose members have the names of the parameters. Numbers have 64 bits.
template <json::Described T>
Step bind(const Query& query, const T& parameters) {
    return {query, json::to_json(parameters)};
}

}  // namespace guildhall::neo4j
