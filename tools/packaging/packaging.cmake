# What the Debian package holds, and what it says about itself. tools/package builds it; MQTTSN_DOCUMENTS is the folder
# that tools/packaging/documents has written to.
set(MQTTSN_DOCUMENTS "${CMAKE_BINARY_DIR}/documents" CACHE PATH "Generated man pages, completions and configuration")
set(packaging ${CMAKE_CURRENT_LIST_DIR})

install(TARGETS mqttsn-gateway mqttsn RUNTIME DESTINATION bin)
install(FILES ${MQTTSN_DOCUMENTS}/gateway.toml DESTINATION /etc/mqttsn-gateway)
install(FILES ${packaging}/mqttsn-gateway.service DESTINATION /lib/systemd/system)
install(FILES ${packaging}/60-mqttsn-gateway.rules DESTINATION /lib/udev/rules.d)
install(FILES ${MQTTSN_DOCUMENTS}/mqttsn-gateway.8.gz DESTINATION share/man/man8)
install(FILES ${MQTTSN_DOCUMENTS}/mqttsn-gateway.toml.5.gz DESTINATION share/man/man5)
install(FILES ${MQTTSN_DOCUMENTS}/mqttsn.1.gz DESTINATION share/man/man1)
foreach(program mqttsn-gateway mqttsn)
  install(FILES ${MQTTSN_DOCUMENTS}/${program}.bash DESTINATION share/bash-completion/completions RENAME ${program})
  install(FILES ${MQTTSN_DOCUMENTS}/_${program} DESTINATION share/zsh/vendor-completions)
endforeach()
install(FILES ${packaging}/debian/copyright ${MQTTSN_DOCUMENTS}/changelog.Debian.gz
        DESTINATION share/doc/mqttsn-gateway)

install(FILES ${packaging}/debian/lintian-overrides DESTINATION share/lintian/overrides RENAME mqttsn-gateway)

set(CPACK_GENERATOR DEB)
set(CPACK_SET_DESTDIR ON)  # the configuration belongs to /etc, not below the prefix
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PACKAGE_NAME mqttsn-gateway)
set(CPACK_PACKAGE_CONTACT "mqttsn-gateway authors <authors@mqttsn-gateway.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "MQTT-SN gateway between sensor nodes and an MQTT broker")
set(CPACK_PACKAGE_DESCRIPTION
    "Lets devices that cannot speak TCP/IP take part in an MQTT network: it keeps
a session for each device, and carries messages to and from a broker without
giving up what their QoS promises, also to devices that sleep, and over
restarts.
.
With the tools to publish, subscribe, discover gateways, simulate nodes,
decode frames and measure (mqttsn).")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
if(MQTTSN_DEB_DEPENDS)
  set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, ${MQTTSN_DEB_DEPENDS}")  # cross-built: dpkg-shlibdeps knows native libraries
else()
  set(CPACK_DEBIAN_PACKAGE_DEPENDS adduser)
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
endif()
if(MQTTSN_DEB_ARCHITECTURE)
  set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE ${MQTTSN_DEB_ARCHITECTURE})
endif()
set(CPACK_DEBIAN_PACKAGE_SUGGESTS mosquitto)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${packaging}/debian/postinst ${packaging}/debian/prerm ${packaging}/debian/postrm ${packaging}/debian/conffiles)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
