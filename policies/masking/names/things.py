"""Names of products, makers, malware, protocols and standards in security texts: capitalised, and nobody's."""

from __future__ import annotations

_THINGS = """
acrobat active adfs adobe aes airflow akamai akira alibaba alphv amavis amazon ami anaconda android ansible antivirus
anydesk apache api apple april arcsight argocd armor asa asana asn asyncrat atlassian att august auth0 authenticator
autodesk autoit autoruns avast avira aws awscli azorult azure babuk backdoor bashlite bazarloader beacon bgp bing
bitbucket bitdefender bitlocker bitwarden blackbasta blackberry blackcat bloodhound bluekeep bluetooth bonzi botnet
boto brave broadcom c2 cacti carbanak cassandra centos ceph certutil chrome chromium cisa cisco citrix clamav clang
clop cloudflare cloudfront cloudtrail cloudwatch cobalt cobaltstrike codecov cognito coldfusion conficker confluence
conti copilot coreos couchdb crowdstrike cryptolocker csirt curl cve cvss cwe cyberark cyberduck cylance darkcomet
darkgate darktrace databricks datadog debian december defender deno dharma dhcp dirtycow discord django dkim dlp dmarc
dns docker docusign dridex drive dropbox drupal duo dynamo dynamodb ebpf ec2 ecr edr eicar ekans elastic elasticsearch
emotet endpoint enterprise eset eternalblue ethernet eventbridge exchange exim explorer f5 facebook falcon fastly
february fedora ffuf fido fin7 firebase fireeye firefox flask follina forticlient fortigate fortinet fortios freebsd
friday ftp gandcrab gcc gcp gitea github gitlab gmail gmt gnu godaddy golang google gootkit gophish gpg gpo grafana
graphql guardduty hadoop hafnium hancitor haproxy hashcat hashicorp havoc heartbleed heroku honeypot hp http https
huawei hubspot hydra hyper-v iam ibm icedid icmp iis illumio imap impacket imperva infoblox instagram intel intune ios
iot ipad ipados iphone ipsec ipv4 ipv6 isatap istio ivanti jamf january java javascript jenkins jira jndi joomla
jquery json july june juniper jwt kafka kali kaseya kaspersky kerberos keycloak keylogger kibana kms kube kubernetes
lambda lapsus laravel lastpass lazagne lazarus ldap ldaps lenovo libreoffice linkedin linux lockbit log4j log4shell
logrhythm logstash lokibot lsass lumma mac macos magento mailchimp malware mandiant march mariadb mastodon maven
mcafee memcached metamask metasploit meterpreter mfa microsoft mikrotik mimikatz mirai misp mitre monday mongodb
moodle moveit mozilla ms msbuild mshta mssql mysql nagios nanocore nessus netbios netcat netfilter netflix netgear
netlogon netscaler netscout netskope netsupport nginx ngrok nist njrat nmap node nodejs notepad notion november npm
nslookup nsm ntds ntlm nvd nvidia oauth october office office365 okta onedrive onelogin onenote openid openldap
opensearch openshift openssh openssl openvpn opera oracle osquery outlook owasp pagerduty palo paloalto panos paypal
pcap pci perl pfsense pgp photoshop php phpmyadmin pikabot pingid playstation plugx podman poshc2 postfix postgres
postgresql postman powerpoint powershell printnightmare procmon prometheus proofpoint proxylogon proxyshell psexec
putty pypi pysa python qakbot qbot qnap qradar qualys quasar quasarrat rabbitmq raccoon rancher ransomhub ransomware
rapid7 rat rclone rdp reddit redhat redis redline redshift regsvr32 remcos revil rhel rhysida robocopy rootkit route53
rsa rsync rubeus rundll32 rust ryuk s3 saas safari salesforce samba saml samsung sap saturday scada sccm schtasks scp
screenconnect secureworks selinux sendgrid sentinel sentinelone seo september servicenow shadowpad sharepoint
sharphound shellshock shodan shopify siem sigma silverlight skype slack sliver smb smbv1 smtp snmp snort snowflake
snyk soar soc solaris solarwinds sonarqube sonicwall sophos spamassassin spamhaus spf splunk spring spynote spyware
sql sqlite sqlmap ssh ssl sso steam stripe strrat struts stuxnet sunday suricata suse svchost symantec sysinternals
syslog sysmon systembc systemd tableau tanium tcp teamcity teams teamviewer telegram telnet tenable tensorflow
terraform threatconnect thunderbird thursday tiktok tls tomcat tor totp trello trend trendmicro trickbot trojan
truecrypt tuesday twilio twitter uac ubuntu udp umbrella unifi unix url ursnif usb utc utf vagrant vba vcenter veeam
veracrypt vim virustotal visio vlan vmware vnc vpn vsphere wannacry wazuh web webex weblogic webmail webshell wechat
wednesday whatsapp wifi win32 windows winrar winrm winscp wireguard wireshark wmi wmic woocommerce wordpad wordpress
workday workspace x64 x86 xcode xen xerox xml xss yahoo yara youtube yubikey zabbix zapier zeek zendesk zerologon zeus
zimbra zip zloader zoho zoom zscaler
"""
_BESIDE = """
365 account admin agent alert analytics antivirus app apps attack authenticator browser bucket center centre client
cloud connect console control core corp corporation data database desktop detection device directory domain edge
engine excel firewall framework gateway global group hub identity inc incident kit lab labs library loader log logs
mail malware manager mobile monitor network online panel phone platform player plus policy portal premium privileged
pro protection protocol remote runtime scanner scheduler script security server service services shell sign-in store
strike studio suite support system systems team technologies tool toolkit trojan update user vault version viewer
virus web word workspace
"""

#: In lower case, a word each.
THINGS = frozenset(_THINGS.split())
#: Words that stand beside such names: `Windows Defender Firewall`, `Google Drive`, `Microsoft 365`.
PLACES_OF_THINGS = frozenset(_BESIDE.split())
_ROLES = "ceo cfo cio ciso coo cso cto dpo evp hr it legal md pr qa rd soc sre svp treasury vp"
#: What people and departments are called by their work.
ROLES = frozenset(_ROLES.split())
