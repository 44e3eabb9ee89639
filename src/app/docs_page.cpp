#include "app/docs_page.hpp"

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include "app/assets.hpp"
#include "app/viewer.hpp"
#include "platform/http/compress.hpp"

namespace guildhall::app {
namespace {

template <class Files>
std::string_view text_of(const Files& files, std::string_view name) {
    const auto found = std::ranges::find(files, name, [](const auto& file) { return file.first; });
    if (found == files.end()) throw std::logic_error("not embedded: " + std::string(name));
    return found->second;
}

void put(std::string& page, std::string_view place, std::string_view text) {
    page.replace(page.find(place), place.size(), text);
}

DocsPage make_page() {
    DocsPage page{std::string(text_of(kAssets, "docs.html")), {}};
    put(page.html, "/* swagger-ui.css */", text_of(kViewer, "swagger-ui.css"));
    put(page.html, "/* swagger-ui-bundle.js */", text_of(kViewer, "swagger-ui-bundle.js"));
    page.gzipped = http::gzip(page.html);
    return page;
}

}  // namespace

const DocsPage& docs_page() {
    static const DocsPage page = make_page();
    return page;
}

}  // namespace guildhall::app
