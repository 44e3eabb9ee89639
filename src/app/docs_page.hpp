#pragma once

#include <string>

namespace guildhall::app {

/// The page at /docs: one file with all that it needs, also compressed.
struct DocsPage {
    std::string html;
    std::string gzipped;
};

/// The page; made when it is asked for first. Without the viewer, which a build without a package registry has not, it
/// is a plain list.
const DocsPage& docs_page();

}  // namespace guildhall::app
