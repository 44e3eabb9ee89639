#include "platform/neo4j/query.hpp"

namespace guildhall::neo4j {

Query::Query(std::string_view name, std::string_view text)
    : name_(name),
      json_(json::to_json(std::string(text))),
      duration_(metrics::histogram(
          "guildhall_neo4j_query_seconds",
          "Time to the answer of Cypher statements by name; of several in one request the last", {{"query", name_}})) {}

}  // namespace guildhall::neo4j
