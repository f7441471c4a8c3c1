# dg_library(target NAME daogou FOLDERS base comm): a shared library of whole folders of src/, with
# everything needed to install and find it: headers, pkg-config file, CMake target daogou::EXPORT.
# No ABI is promised before version 1: each 0.x has a SONAME of its own.
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(DAOGOU_SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
else()
  set(DAOGOU_SOVERSION ${PROJECT_VERSION_MAJOR})
endif()
set(DAOGOU_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/daogou)

function(dg_library target)
  cmake_parse_arguments(L "" "NAME;EXPORT" "FOLDERS;LINKS" ${ARGN})
  list(TRANSFORM L_FOLDERS PREPEND dg_)
  list(TRANSFORM L_FOLDERS REPLACE "(.+)" "$<TARGET_FILE:\\1>" OUTPUT_VARIABLE archives)
  list(TRANSFORM L_FOLDERS REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>" OUTPUT_VARIABLE objects)

  set(map ${CMAKE_CURRENT_BINARY_DIR}/${L_NAME}.map)
  add_custom_command(OUTPUT ${map} VERBATIM
    COMMAND ${CMAKE_COMMAND} -D NM=${CMAKE_NM} -D NODE=${target}_${DAOGOU_SOVERSION} -D OUT=${map}
            -D "ARCHIVES=${archives}" -P ${PROJECT_SOURCE_DIR}/cmake/Exports.cmake
    DEPENDS ${L_FOLDERS} ${PROJECT_SOURCE_DIR}/cmake/Exports.cmake)

  add_library(${target} SHARED ${objects} ${map})
  target_link_libraries(${target} PRIVATE ${L_FOLDERS} INTERFACE ${L_LINKS})
  target_link_options(${target} PRIVATE -Wl,--version-script=${map} -Wl,--no-undefined
    -Wl,--as-needed) # of dense/ readers of artifacts take kernels, not BLAS
  target_include_directories(${target} INTERFACE
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/daogou>)
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${L_NAME} EXPORT_NAME ${L_EXPORT}
    VERSION ${PROJECT_VERSION} SOVERSION ${DAOGOU_SOVERSION} LINK_DEPENDS ${map}
    LINKER_LANGUAGE C)

  install(TARGETS ${target} EXPORT ${L_NAME})
  install(EXPORT ${L_NAME} NAMESPACE daogou:: DESTINATION ${DAOGOU_PACKAGE_DIR}
    FILE ${L_NAME}-targets.cmake)
  # The way up from the file itself, so that cmake --install --prefix may put it anywhere.
  file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/package/${L_NAME}.pc.in ${L_NAME}.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${L_NAME}.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()
